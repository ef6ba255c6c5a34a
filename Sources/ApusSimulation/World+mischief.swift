import ApusAgent
import ApusModel

/// What goes wrong by itself.
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
        case .deposeController: deposeController()
        case .turnControllerClock: turnControllerClock()
        case .storeAway: loseStore()
        case .crashExecutor: crashExecutor(index, .executorCrash)
        case .stopExecutor: stopExecutor(index)
        case .swapFolder: swapFolder(index)
        case .losePower: losePower(ofZoneWith: index)
        case .cutOff, .cutUp, .cutDown, .cutGroup, .cutZone: partition(kind, index)
        case .diskBad:
            executors[index].isDiskBad = true
            ail(.diskBad(index), 500...15_000)
        case .overload:
            executors[index].isOverloaded = true
            ail(.overloaded(index), 1000...20_000)
        case .turnExecutorClock: turnExecutorClock(index)
        case .engineAway, .engineHung, .engineRestart, .diskFull: troubleEngine(index, kind)
        case .killContainer, .sickenContainer, .flapContainer, .loseContainer: troubleContainer(index, kind)
        case .crashLoop:
            guard let app = chances.mischief.pick(specs)?.id else { return }
            crashLoops.insert(app)
            ail(.crashLoop(app), 5000...60_000)
        case .occupy:
            guard terrain.hasLoads else { return }
            met(.executorOccupied)
            executors[index].load = NodeLoad(freeMemoryMB: 0, freeCPU: 0)
            ail(.occupied(index), 2000...40_000)
        case .plantStray: plantStray(index)
        case .plantForeign:
            met(.foreignPlanted)
            let id = executors[index].containers.plant(.foreign, labels: nil, on: index)
            note("e\(index) foreign container \(id)")
            if plan.sabotage == .foreignRemoved { remove(index, id) }
        case .plantDamaged:
            met(.damagedPlanted)
            let id = executors[index].containers.plant(.damaged, labels: nil, on: index)
            note("e\(index) damaged container \(id)")
        }
    }

    // MARK: the container engine

    private mutating func troubleEngine(_ index: Int, _ kind: Mischief) {
        switch kind {
        case .engineAway:
            met(.engineAway)
            executors[index].engine = .away
            ail(.engineAway(index), 500...15_000)
        case .engineHung:
            met(.engineHung)
            let span = chances.mischief.milliseconds(1000...30_000)
            executors[index].engine = .hangs(until: agenda.now + span)
            note("e\(index) container engine hangs")
            agenda.add(.heals(.engineAway(index)), after: span)
        case .engineRestart:
            let keeps = chances.mischief.hits(500)
            met(keeps ? .engineRestartKeeps : .engineRestartEnds)
            note("e\(index) container engine starts again, containers \(keeps ? "stay" : "end")")
            executors[index].engine = .away
            agenda.add(.heals(.engineAway(index)), after: chances.mischief.milliseconds(500...6000))
            guard !keeps else { return }
            for container in executors[index].containers.sorted where container.isRunning {
                exit(index, container.id, code: 137, outOfMemory: false)
            }
        default:
            executors[index].isDiskFull = true
            ail(.diskFull(index), 1000...20_000)
        }
    }

    private mutating func troubleContainer(_ index: Int, _ kind: Mischief) {
        guard let victim = chances.mischief.pick(runningOfOurs(index)) else { return }
        switch kind {
        case .killContainer:
            met(.containerCrash)
            exit(
                index,
                victim.id,
                code: Int64(chances.mischief.number(in: 0...139)),
                outOfMemory: chances.mischief.hits(200)
            )
        case .sickenContainer:
            met(.containerSick)
            note("e\(index) container \(victim.id) falls sick")
            executors[index].containers[victim.id]?.isSick = true
        case .flapContainer:
            note("e\(index) container \(victim.id) flaps")
            executors[index].containers[victim.id]?.isFlapping = true
            agenda.add(.heals(.flapping(index, victim.id)), after: chances.mischief.milliseconds(3000...30_000))
        default:
            met(.containerGone)
            note("e\(index) container \(victim.id) is removed behind its back")
            remove(index, victim.id)
        }
    }

    private func runningOfOurs(_ index: Int) -> [SimulatedContainers.Container] {
        executors[index].containers.sorted.filter { $0.isRunning && ($0.origin == .assigned || $0.origin == .stray) }
    }

    // MARK: controller and clocks

    private mutating func pauseController() {
        guard controller.process != nil, !controller.isPaused else { return }
        met(.controllerPause)
        note("controller pauses")
        controller.isPaused = true
        agenda.add(.controllerWakes, after: chances.mischief.milliseconds(500...20_000))
    }

    private mutating func loseStore() {
        met(.storeAway)
        controller.isStoreAway = true
        oracle.disturbed(at: agenda.now)
        controller.storeAwaySince = controller.storeAwaySince ?? agenda.now
        ail(.storeAway, 500...(chances.mischief.hits(250) ? 60_000 : 20_000))
    }

    /// Never so far that a task's record is kept too short.
    private mutating func drawSkew(from skew: Duration) -> Duration {
        let jump = chances.mischief.milliseconds(0...(chances.mischief.hits(300) ? 70_000_000 : 60_000))
        return min(max(chances.mischief.hits(500) ? skew + jump : skew - jump, .seconds(-72_000)), .seconds(72_000))
    }

    private mutating func turnControllerClock() {
        let skew = drawSkew(from: controller.skew)
        met(skew > controller.skew ? .controllerClockForward : .controllerClockBack)
        note("the controller's clock is turned by \((skew - controller.skew).components.seconds) s")
        controller.skew = skew
        for index in executors.indices { ail(.clock(index), 500...4000) }
    }

    private mutating func turnExecutorClock(_ index: Int) {
        let skew = drawSkew(from: executors[index].skew)
        met(skew > executors[index].skew ? .executorClockForward : .executorClockBack)
        note("e\(index) clock is turned by \((skew - executors[index].skew).components.seconds) s")
        executors[index].skew = skew
        ail(.clock(index), 500...10_000)
    }

    // MARK: machines and strays

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
        met(.strayPlanted)
        let known = chances.mischief.pick(specs)
        guard let spec = chances.mischief.hits(500) ? known : World.unknownSpec else { return }
        let instance = InstanceID("AI-\(chances.mischief.uuid())")
        let labels = FoundLabels(
            instance: instance,
            owner: .application(spec.id),
            appName: spec.name,
            allocation: ResourceAllocation(numaNode: node.id, cores: [core], memoryMB: 64),
            ports: executors[index].containers.publish(spec.exposedPorts),
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
}
