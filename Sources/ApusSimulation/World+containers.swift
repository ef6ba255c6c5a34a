import ApusAgent
import ApusModel

/// What becomes of containers, by jobs and by themselves.
extension World {
    mutating func effect(_ index: Int, of job: SimulatedExecutor.RunningJob) -> Outcome {
        switch job.job {
        case .pull: return .pulled
        case .create(let spec, let created, let epoch, let ports):
            return create(index, spec, created: created, epoch: epoch, ports: ports)
        case .start(let id): return start(index, id)
        case .check(let mode, let container, let port, _): return check(index, mode, container, port)
        case .stop(let id, _):
            exit(index, id, code: 143, outOfMemory: false)
            return .stopped
        case .remove(let id):
            if plan.sabotage != .removalsIgnored { remove(index, id) }
            return .removed
        }
    }

    private mutating func create(
        _ index: Int,
        _ spec: InstanceSpec,
        created: WallTime,
        epoch: Epoch,
        ports: [PortMapping]
    ) -> Outcome {
        let isThere = executors[index].containers.container(of: spec.id) != nil
        if executors[index].isDiskFull, !isThere {
            met(.diskFull)
            return .failed(JobFailure(.other, reason: "no space left on device"))
        }
        if !isThere, chances.containers.hits(profile.imageLoss) {
            met(.imageGone)
            return .failed(JobFailure(.imageMissing, reason: "no such image: \(spec.workload.executable.url)"))
        }
        let made = executors[index].containers.create(
            sabotaged(spec, on: index),
            created: created,
            epoch: epoch,
            ports: ports,
            on: index
        )
        guard let made else { return .failed(JobFailure(.other, reason: "port is already allocated")) }
        sabotagePorts(of: made.id, on: index)
        return .created(made.id, executors[index].containers[made.id]?.labels?.ports ?? [])
    }

    mutating func start(_ index: Int, _ id: ContainerID) -> Outcome {
        guard var container = executors[index].containers[id] else {
            return .failed(JobFailure(.other, reason: "no such container: \(id)"))
        }
        guard !container.isRunning else { return .started }
        sabotageRestart(&container)
        container.state = .running
        container.shown = nil
        container.runs += 1
        container.warmAt = agenda.now + chances.containers.milliseconds(50...(isCalm ? 800 : 2500))
        executors[index].containers[id] = container
        containersStarted += 1
        oracle.starts(container, on: executors[index])
        runs(index, container)
        sabotageStart(of: container, on: index)
        return .started
    }

    /// A task ends in time; a service whose image is bad ends soon.
    private mutating func runs(_ index: Int, _ container: SimulatedContainers.Container) {
        let (code, isOutOfMemory, span): (Int64, Bool, Duration)
        switch container.labels?.owner {
        case .task:
            let fails = chances.containers.hits(profile.taskFailure)
            isOutOfMemory = fails && chances.containers.hits(250)
            code = isOutOfMemory ? 137 : fails ? Int64(chances.containers.number(in: 1...255)) : 0
            span = chances.containers.milliseconds(chances.containers.hits(300) ? 10_000...90_000 : 1...8000)
        case .application(let app) where crashLoops.contains(app):
            met(.crashLoop)
            (code, isOutOfMemory, span) = (1, false, chances.containers.milliseconds(1...3000))
        default: return
        }
        agenda.add(
            .programEnds(index, container.id, run: container.runs, code: code, outOfMemory: isOutOfMemory),
            after: span
        )
    }

    mutating func programEnds(_ index: Int, _ id: ContainerID, run: Int, code: Int64, outOfMemory: Bool) {
        guard let container = executors[index].containers[id], container.isRunning, container.runs == run else {
            return
        }
        if case .task = container.labels?.owner {
            if outOfMemory { met(.taskOutOfMemory) } else if code != 0 { met(.taskFailed) }
            if controller.process == nil { met(.taskEndsLeaderless) }
        }
        exit(index, id, code: code, outOfMemory: outOfMemory)
    }

    private mutating func check(_ index: Int, _ mode: CheckMode, _ id: ContainerID, _ port: PortMapping?) -> Outcome {
        guard let container = executors[index].containers[id], container.isRunning else {
            return .failed(JobFailure(.notListening, reason: "connection refused"))
        }
        switch mode {
        case .command:
            guard container.warmAt <= agenda.now, !fails(container) else {
                return .failed(JobFailure(.exitCode, reason: "exit code 1"))
            }
        case .http:
            guard port != nil else { return .failed(JobFailure(.other, reason: "no such port")) }
            guard container.warmAt <= agenda.now else {
                return .failed(JobFailure(.notListening, reason: "connection refused"))
            }
            guard !fails(container) else { return .failed(JobFailure(.status, reason: "status 500")) }
        }
        return .passed
    }

    private mutating func fails(_ container: SimulatedContainers.Container) -> Bool {
        guard container.isFlapping else { return container.isSick }
        guard chances.containers.hits(500) else { return false }
        met(.containerFlapping)
        return true
    }

    mutating func remove(_ index: Int, _ id: ContainerID) {
        guard let container = executors[index].containers[id] else { return }
        oracle.touches(container)
        exit(index, id, code: 137, outOfMemory: false)
        executors[index].containers[id] = nil
        guard plan.sabotage == .endedStartedAgain, container.origin == .assigned else { return }
        let again = executors[index].containers.plant(.assigned, labels: container.labels, on: index)
        if let again = executors[index].containers[again] { oracle.starts(again, on: executors[index]) }
    }

    /// A running container ends; the event stream tells the executor, if it is there.
    mutating func exit(_ index: Int, _ id: ContainerID, code: Int64, outOfMemory: Bool) {
        guard var container = executors[index].containers[id], container.isRunning else { return }
        if code == 143 {
            oracle.touches(container)
            if case .task? = container.labels?.owner { met(.taskKilled) }
        }
        container.state = .exited(code: code, outOfMemory: outOfMemory)
        executors[index].containers[id] = container
        oracle.ends(container)
        note("e\(index) container \(id) exits with \(code)")
        sabotageExit(index, container)
        guard let life = executors[index].process?.life, container.origin != .foreign else { return }
        guard executors[index].engine == .serves, !chances.containers.hits(profile.jobFailure) else {
            met(.exitMissed)
            sabotageMissedExit(index, id)
            // The stream is opened again, at the latest when the engine is back.
            agenda.add(.streamOpens(index, life: life), after: .seconds(2))
            return
        }
        agenda.add(
            .exitSeen(index, life: life, id, code: code, outOfMemory: outOfMemory),
            after: chances.containers.milliseconds(1...40)
        )
    }

    // MARK: what the executor sees

    /// What the event stream would have told while it was away is not known.
    mutating func streamOpens(_ index: Int) {
        guard executors[index].engine == .serves, plan.sabotage != .exitsIgnored,
            let process = executors[index].process
        else { return }
        guard !process.isStopped else {
            executors[index].process?.delayed.append(.streamOpens(index, life: process.life))
            return
        }
        tell(index, .exitsMissed)
    }

    mutating func inventoryEnds(_ index: Int, _ life: Int64, _ number: Int) {
        switch executors[index].engine {
        case .serves: tell(index, .inventory(executors[index].containers.found, number: number))
        case .hangs where !chances.containers.hits(400):
            agenda.add(.inventoryEnds(index, life: life, number: number), after: .seconds(3))
        case .away, .hangs: tell(index, .inventoryFailed(reason: "no answer", number: number))
        }
    }
}
