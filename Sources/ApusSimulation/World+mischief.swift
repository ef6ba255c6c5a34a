import ApusAgent
import ApusModel

/// What goes wrong by itself, and how it ends.
extension World {
    mutating func doMischief() {
        guard !isCalm else { return }
        if let kind = chances.mischief.pick(profile.mischief) { perform(kind) }
        agenda.add(.mischief, after: chances.mischief.milliseconds(profile.mischiefEvery))
    }

    private mutating func perform(_ kind: Mischief) {
        let index = chances.mischief.number(in: 0...executors.count - 1)
        guard !executors[index].isGone else { return }
        switch kind {
        case .crashController: crashController(.controllerCrash)
        case .pauseController: pauseController()
        case .storeAway:
            faults.count(.storeAway)
            controller.isStoreAway = true
            ail(.storeAway, 500...20_000)
        case .crashExecutor: crashExecutor(index, .executorCrash)
        case .cutOff:
            faults.count(.partition)
            executors[index].isCutOff = true
            ail(.cutOff(index), 500...40_000)
        case .diskBad:
            executors[index].isDiskBad = true
            ail(.diskBad(index), 500...15_000)
        case .engineAway:
            faults.count(.engineAway)
            executors[index].isEngineAway = true
            ail(.engineAway(index), 500...15_000)
        case .killContainer:
            guard let victim = chances.mischief.pick(runningOfOurs(index)) else { return }
            faults.count(.containerCrash)
            exit(
                index,
                victim.id,
                code: Int64(chances.mischief.number(in: 0...139)),
                outOfMemory: chances.mischief.hits(200)
            )
        case .sickenContainer:
            guard let victim = chances.mischief.pick(runningOfOurs(index)) else { return }
            faults.count(.containerSick)
            note("e\(index) container \(victim.id) falls sick")
            executors[index].containers[victim.id]?.isSick = true
        case .plantStray: plantStray(index)
        case .plantForeign:
            faults.count(.foreignPlanted)
            let id = executors[index].containers.plant(.foreign, labels: nil, on: index)
            note("e\(index) foreign container \(id)")
            if plan.sabotage == .foreignRemoved { remove(index, id) }
        case .plantDamaged:
            faults.count(.damagedPlanted)
            let id = executors[index].containers.plant(.damaged, labels: nil, on: index)
            note("e\(index) damaged container \(id)")
        }
    }

    private func runningOfOurs(_ index: Int) -> [SimulatedContainers.Container] {
        executors[index].containers.sorted.filter { $0.isRunning && ($0.origin == .assigned || $0.origin == .stray) }
    }

    private mutating func pauseController() {
        guard controller.process != nil, !controller.isPaused else { return }
        faults.count(.controllerPause)
        note("controller pauses")
        controller.isPaused = true
        agenda.add(.controllerWakes, after: chances.mischief.milliseconds(500...20_000))
    }

    /// A machine and all on it is gone for good; its work must go elsewhere.
    mutating func loseMachine(_ index: Int) {
        crashExecutor(index, .machineLost)
        executors[index].isGone = true
        for container in executors[index].containers.sorted {
            oracle.ends(container)
            executors[index].containers[container.id] = nil
        }
        executors[index].jobs = [:]
    }

    /// A container with our labels that nobody asked for, on cores that are free now.
    mutating func plantStray(_ index: Int) {
        let topology = executors[index].description.topology
        let used = executors[index].containers.sorted.compactMap(\.labels).map(\.allocation)
        guard let node = chances.mischief.pick(topology.nodes),
            let core = topology.slots(of: node).last(where: { core in
                !used.contains { $0.numaNode == node.id && $0.cores.contains(core) }
            })
        else { return }
        faults.count(.strayPlanted)
        let known = chances.mischief.pick(specs)
        guard let spec = chances.mischief.hits(500) ? known : World.unknownSpec else { return }
        let instance = InstanceID("AI-\(chances.mischief.uuid())")
        let labels = FoundLabels(
            instance: instance,
            owner: .application(spec.id),
            appName: spec.name,
            allocation: ResourceAllocation(numaNode: node.id, cores: [core], memoryMB: 64),
            ports: spec.exposedPorts.map { executors[index].containers.publish($0) },
            readiness: spec.readiness,
            health: spec.healthcheck,
            created: executorTimes(index).wall,
            epoch: 1
        )
        oracle.planted(instance)
        let id = executors[index].containers.plant(.stray, labels: labels, on: index)
        note("e\(index) stray container \(id): \(instance.short) of \(spec.id)")
        if let container = executors[index].containers[id] { oracle.starts(container, on: executors[index]) }
    }

    private static let unknownSpec: ApplicationSpec? = spec(
        "unknown",
        cores: 1,
        memoryMB: 64,
        policy: nil,
        seconds: 1,
        attempts: 3,
        wait: 0
    )

    // MARK: healing

    private mutating func ail(_ ailment: Ailment, _ milliseconds: ClosedRange<Int>) {
        note("\(ailment.words)")
        agenda.add(.heals(ailment), after: chances.mischief.milliseconds(milliseconds))
    }

    mutating func heal(_ ailment: Ailment) {
        switch ailment {
        case .storeAway: controller.isStoreAway = false
        case .cutOff(let index): executors[index].isCutOff = false
        case .diskBad(let index): executors[index].isDiskBad = false
        case .engineAway(let index):
            executors[index].isEngineAway = false
            // The event stream is open again; what it would have told is not known.
            tell(index, .exitsMissed)
        }
    }

    /// From now on nothing goes wrong any more.
    mutating func becalm() {
        note("calm")
        isCalm = true
        calmSince = agenda.now
        profile = .calm
        heal(.storeAway)
        for index in executors.indices {
            heal(.cutOff(index))
            heal(.diskBad(index))
            heal(.engineAway(index))
        }
        agenda.add(.controllerWakes, after: .zero)
        // By then the last late message has come.
        agenda.add(.inspect, after: .seconds(15))
    }
}

extension Ailment {
    var words: String {
        switch self {
        case .storeAway: "the store is away"
        case .cutOff(let index): "e\(index) is cut off"
        case .engineAway(let index): "e\(index) container engine is away"
        case .diskBad(let index): "e\(index) disk is bad"
        }
    }
}
