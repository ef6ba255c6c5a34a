import ApusAgent
import ApusModel

/// The container engine of a machine: jobs take time, fail, and outlast those who asked for them.
extension World {
    mutating func begin(_ index: Int, _ job: Job, for key: SimulatedExecutor.JobKey) {
        guard let life = executors[index].process?.life else { return }
        if case .create(let spec, _, _, _) = job, !executors[index].disk.knows(spec.id) {
            oracle.violated("e\(index) acts on \(spec.id) before it is in its journal")
        }
        if executors[index].process?.jobs[key] != nil {
            oracle.violated("e\(index) repeats an attempt of \(key.instance)")
        }
        let (fate, delay) = drawFate(index, job)
        note("e\(index) \(key.instance.short)/\(key.attempt) \(job.word)")
        let number = add(index, .init(life: life, key: key, job: job, fate: fate), after: delay)
        executors[index].process?.jobs[key] = number
        if case .check = job { return }
        if chances.containers.hits(profile.crashPoint) {
            agenda.add(.executorFalls(index, life: life), after: delay / 2)
        }
    }

    private mutating func add(_ index: Int, _ job: SimulatedExecutor.RunningJob, after delay: Duration) -> Int {
        executors[index].lastJob += 1
        executors[index].jobs[executors[index].lastJob] = job
        agenda.add(.jobEnds(index, job: executors[index].lastJob), after: delay)
        return executors[index].lastJob
    }

    private mutating func drawFate(_ index: Int, _ job: Job) -> (SimulatedExecutor.Fate, Duration) {
        let delay = usualDelay(of: job)
        if case .check = job {
            // It goes to the container's port, not to the container engine.
            guard chances.containers.hits(profile.jobFailure) else { return (.works, delay) }
            faults.count(.checkTimedOut)
            return (.fails(JobFailure(.timedOut, reason: "no answer in time")), .seconds(1))
        }
        if executors[index].isEngineAway {
            return (.fails(JobFailure(.engineAway, reason: "no answer")), chances.containers.milliseconds(1...3000))
        }
        guard chances.containers.hits(profile.jobFailure) else { return (.works, delay) }
        guard chances.containers.hits(300) else {
            faults.count(.jobFailed)
            return (.fails(JobFailure(.other, reason: "device or resource busy")), delay)
        }
        faults.count(.jobTimedOut)
        if chances.containers.hits(500), let life = executors[index].process?.life {
            // What the engine does after its caller has given up.
            let key = SimulatedExecutor.JobKey(instance: InstanceID(""), attempt: 0)
            _ = add(
                index,
                .init(life: life, key: key, job: job, fate: .answered),
                after: chances.containers.milliseconds(1...12_000)
            )
        }
        return (.fails(JobFailure(.timedOut, reason: "no answer in time")), .seconds(8))
    }

    private mutating func usualDelay(of job: Job) -> Duration {
        switch job {
        case .pull: chances.containers.milliseconds(1...(chances.containers.hits(200) ? 4000 : 20))
        case .create: chances.containers.milliseconds(5...60)
        case .start: chances.containers.milliseconds(80...500)
        case .check: chances.containers.milliseconds(1...20)
        case .stop(_, let grace):
            chances.containers.hits(200) ? min(grace, .seconds(3)) : chances.containers.milliseconds(10...200)
        case .remove: chances.containers.milliseconds(20...100)
        }
    }

    /// The caller gives up; what it asked for may come all the same.
    mutating func cancel(_ index: Int, _ key: SimulatedExecutor.JobKey) {
        guard let number = executors[index].process?.jobs[key], let job = executors[index].jobs[number] else { return }
        note("e\(index) \(key.instance.short)/\(key.attempt) cancels")
        if job.fate == .works, chances.containers.hits(500) {
            executors[index].jobs[number]?.fate = .answered
        } else {
            executors[index].jobs[number] = nil
        }
        let cancelled = SimulatedExecutor.Fate.fails(JobFailure(.other, reason: "cancelled"))
        let outcome = add(
            index,
            .init(life: job.life, key: key, job: job.job, fate: cancelled),
            after: chances.containers.milliseconds(0...20)
        )
        executors[index].process?.jobs[key] = outcome
    }

    /// The process that asked is gone: what it asked for comes, or does not.
    mutating func orphanJobs(of index: Int, life: Int64) {
        for number in executors[index].jobs.keys.sorted() {
            guard let job = executors[index].jobs[number], job.life == life, job.fate != .answered else { continue }
            if case .check = job.job { continue }
            if job.fate == .works, chances.containers.hits(500) {
                faults.count(.jobOrphaned)
                executors[index].jobs[number]?.fate = .answered
            } else {
                executors[index].jobs[number] = nil
            }
        }
    }

    mutating func jobEnds(_ index: Int, _ number: Int) {
        guard let job = executors[index].jobs.removeValue(forKey: number) else { return }
        let outcome: Outcome
        if case .fails(let failure) = job.fate {
            outcome = .failed(failure)
        } else if executors[index].isEngineAway, job.job.isForEngine {
            outcome = .failed(JobFailure(.engineAway, reason: "no answer"))
        } else {
            outcome = effect(index, of: job)
        }
        guard job.fate != .answered, executors[index].process?.life == job.life,
            executors[index].process?.jobs[job.key] == number
        else { return }
        executors[index].process?.jobs[job.key] = nil
        note("e\(index) \(job.key.instance.short)/\(job.key.attempt) \(job.job.word): \(outcome.words)")
        tell(index, .outcome(job.key.instance, attempt: job.key.attempt, outcome))
    }

    // MARK: effects

    private mutating func effect(_ index: Int, of job: SimulatedExecutor.RunningJob) -> Outcome {
        switch job.job {
        case .pull: return .pulled
        case .create(let spec, let created, let epoch, _):
            let container = executors[index].containers.create(
                sabotaged(spec, on: index),
                created: created,
                epoch: epoch,
                on: index
            )
            return .created(container.id, container.labels?.ports ?? [])
        case .start(let id): return start(index, id)
        case .check(_, _, let port, _): return check(index, job.key.instance, port)
        case .stop(let id, _):
            exit(index, id, code: 143, outOfMemory: false)
            return .stopped
        case .remove(let id):
            remove(index, id)
            return .removed
        }
    }

    private mutating func start(_ index: Int, _ id: ContainerID) -> Outcome {
        guard var container = executors[index].containers[id] else {
            return .failed(JobFailure(.other, reason: "no such container: \(id)"))
        }
        guard !container.isRunning else { return .started }
        container.state = .running
        container.warmAt = agenda.now + chances.containers.milliseconds(50...2500)
        executors[index].containers[id] = container
        containersStarted += 1
        oracle.starts(container, on: executors[index])
        return .started
    }

    private func check(_ index: Int, _ instance: InstanceID, _ port: PortMapping?) -> Outcome {
        guard port != nil else { return .failed(JobFailure(.other, reason: "no such port")) }
        guard let container = executors[index].containers.container(of: instance), container.isRunning,
            container.warmAt <= agenda.now
        else { return .failed(JobFailure(.notListening, reason: "connection refused")) }
        return container.isSick ? .failed(JobFailure(.other, reason: "status 500")) : .passed
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
        if code == 143 { oracle.touches(container) }
        container.state = .exited(code: code, outOfMemory: outOfMemory)
        executors[index].containers[id] = container
        oracle.ends(container)
        note("e\(index) container \(id) exits with \(code)")
        guard let life = executors[index].process?.life, container.origin != .foreign else { return }
        guard !executors[index].isEngineAway, !chances.containers.hits(profile.jobFailure) else {
            faults.count(.exitMissed)
            // The stream is opened again, at the latest when the engine is back.
            agenda.add(.heals(.engineAway(index)), after: .seconds(2))
            return
        }
        agenda.add(
            .exitSeen(index, life: life, id, code: code, outOfMemory: outOfMemory),
            after: chances.containers.milliseconds(1...40)
        )
    }

    mutating func inventoryEnds(_ index: Int, _ number: Int) {
        guard !executors[index].isEngineAway else {
            return tell(index, .inventoryFailed(reason: "no answer", number: number))
        }
        tell(index, .inventory(executors[index].containers.found, number: number))
    }

    /// As given, or with the cores of another container.
    private func sabotaged(_ spec: InstanceSpec, on index: Int) -> InstanceSpec {
        guard plan.sabotage == .coresBookedTwice,
            let victim = executors[index].containers.sorted.first(where: \.isRunning)?.labels
        else { return spec }
        return InstanceSpec(id: spec.id, workload: spec.workload, allocation: victim.allocation)
    }
}

extension Job {
    /// A check goes to the container's port.
    var isForEngine: Bool {
        if case .check = self { false } else { true }
    }

    var word: String {
        switch self {
        case .pull: "pull"
        case .create: "create"
        case .start(let id): "start \(id)"
        case .check: "check"
        case .stop(let id, _): "stop \(id)"
        case .remove(let id): "remove \(id)"
        }
    }
}

extension Outcome {
    var words: String {
        switch self {
        case .pulled: "pulled"
        case .created(let id, _): "created \(id)"
        case .started: "started"
        case .passed: "passed"
        case .stopped: "stopped"
        case .removed: "removed"
        case .failed(let failure): "\(failure.kind.rawValue), \(failure.reason)"
        }
    }
}
