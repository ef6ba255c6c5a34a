import ApusAgent
import ApusModel

/// What goes wrong for a while, and how it ends.
extension World {
    mutating func ail(_ ailment: Ailment, _ milliseconds: ClosedRange<Int>) {
        note("\(ailment.words)")
        agenda.add(.heals(ailment), after: chances.mischief.milliseconds(milliseconds))
    }

    mutating func heal(_ ailment: Ailment) {
        switch ailment {
        case .storeAway: storeIsBack()
        case .cut(let flow):
            cuts.remove(flow)
            cutsOfLeader.remove(flow)
            oracle.disturbed(flow.executor, at: agenda.now)
        case .diskBad(let index): executors[index].isDiskBad = false
        case .diskFull(let index): executors[index].isDiskFull = false
        case .overloaded(let index): executors[index].isOverloaded = false
        case .clock(let index): executors[index].skew = controller.skew
        case .occupied(let index): if terrain.hasLoads { executors[index].load = drawLoad() }
        case .flapping(let index, let id): executors[index].containers[id]?.isFlapping = false
        case .crashLoop(let app): crashLoops.remove(app)
        case .engineAway(let index):
            guard executors[index].engine != .serves else { return }
            executors[index].engine = .serves
            streamOpens(index)
        }
    }

    private mutating func storeIsBack() {
        controller.isStoreAway = false
        oracle.disturbed(at: agenda.now)
        if let since = controller.storeAwaySince, agenda.now - since > .seconds(10) { met(.storeAwayLong) }
        controller.storeAwaySince = nil
    }

    /// From now on nothing goes wrong any more.
    mutating func becalm() {
        note("calm")
        isCalm = true
        calmSince = agenda.now
        profile = .calm
        heal(.storeAway)
        (cuts, cutsOfLeader) = ([], [])
        for index in executors.indices { oracle.disturbed(index, at: agenda.now) }
        for app in crashLoops.sorted() { heal(.crashLoop(app)) }
        for index in executors.indices {
            for container in executors[index].containers.sorted { heal(.flapping(index, container.id)) }
            let ailments = [
                Ailment.diskBad(index), .diskFull(index), .overloaded(index), .occupied(index), .clock(index),
            ]
            for ailment in ailments { heal(ailment) }
            heal(.engineAway(index))
            agenda.add(.executorContinues(index, life: executors[index].process?.life ?? 0), after: .zero)
        }
        controller.deposed = nil
        agenda.add(.controllerWakes, after: .zero)
        // By then the last late message has come.
        agenda.add(.inspect, after: .seconds(15))
    }
}

extension Ailment {
    var words: String {
        switch self {
        case .storeAway: "the store is away"
        case .cut(let flow): "e\(flow.executor) is cut off, \(flow.channel.word) \(flow.isUp ? "up" : "down")"
        case .engineAway(let index): "e\(index) container engine is away"
        case .diskBad(let index): "e\(index) disk is bad"
        case .diskFull(let index): "e\(index) disk is full"
        case .overloaded(let index): "e\(index) is overloaded"
        case .clock(let index): "e\(index) clock differs from the controller's"
        case .occupied(let index): "e\(index) has nothing free"
        case .flapping(let index, let id): "e\(index) container \(id) flaps"
        case .crashLoop(let app): "\(app) crashes in a loop"
        }
    }
}
