import ApusAgent
import ApusModel

/// The jobs of a machine: they take time, fail, and outlast those who asked for them.
extension World {
    /// How long the executor waits for a container engine that does not answer.
    static let jobPatience = Duration.seconds(8)

    mutating func begin(_ index: Int, _ job: Job, for key: SimulatedExecutor.JobKey) {
        guard let life = executors[index].process?.life else { return }
        if case .create(let spec, _, _, _) = job, !executors[index].disk.known.contains(spec.id) {
            oracle.violated("e\(index) acts on \(spec.id) before it is in its journal")
        }
        if executors[index].process?.jobs[key] != nil {
            oracle.violated("e\(index) repeats an attempt of \(key.instance)")
        }
        oracle.begins(job, for: key.instance, on: executors[index], at: agenda.now)
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

    // MARK: fates

    private mutating func drawFate(_ index: Int, _ job: Job) -> (SimulatedExecutor.Fate, Duration) {
        let delay = usualDelay(of: job)
        if case .check(let mode, _, _, let timeout) = job {
            return drawFate(index, ofCheck: mode, timeout: timeout, delay)
        }
        if executors[index].engine == .away {
            return (.fails(JobFailure(.engineAway, reason: "no answer")), chances.containers.milliseconds(1...3000))
        }
        guard chances.containers.hits(profile.jobFailure) else { return (.works, delay) }
        guard chances.containers.hits(300) else { return (drawFailure(of: job), delay) }
        met(.jobTimedOut)
        if chances.containers.hits(500), let life = executors[index].process?.life {
            // What the engine does after its caller has given up.
            let key = SimulatedExecutor.JobKey(instance: InstanceID(""), attempt: 0)
            _ = add(
                index,
                .init(life: life, key: key, job: job, fate: .answered),
                after: chances.containers.milliseconds(1...12_000)
            )
        }
        return (.fails(JobFailure(.timedOut, reason: "no answer in time")), World.jobPatience)
    }

    private mutating func drawFailure(of job: Job) -> SimulatedExecutor.Fate {
        let failure = JobFailure(.other, reason: "device or resource busy")
        guard case .create = job, chances.containers.hits(500) else {
            met(.jobFailed)
            return .fails(failure)
        }
        met(.halfCreated)
        return .failsHalfDone(failure)
    }

    /// An HTTP check goes to the container's port, not to the container engine.
    private mutating func drawFate(
        _ index: Int,
        ofCheck mode: CheckMode,
        timeout: Duration,
        _ delay: Duration
    ) -> (SimulatedExecutor.Fate, Duration) {
        if executors[index].isOverloaded {
            met(.executorOverloaded)
            return (.fails(JobFailure(.overloaded, reason: "the executor is too busy")), delay)
        }
        if case .command = mode, executors[index].engine == .away {
            return (.fails(JobFailure(.engineAway, reason: "no answer")), chances.containers.milliseconds(1...3000))
        }
        guard chances.containers.hits(mode.isHook ? profile.jobFailure * 6 : profile.jobFailure) else {
            return (.works, delay)
        }
        guard mode.isHook else {
            met(.checkTimedOut)
            return (.fails(JobFailure(.timedOut, reason: "no answer in time")), timeout)
        }
        let hangs = chances.containers.hits(400)
        met(hangs ? .hookHung : .hookFailed)
        return hangs
            ? (.fails(JobFailure(.timedOut, reason: "no answer in time")), timeout)
            : (.fails(JobFailure(.status, reason: "status 500")), delay)
    }

    // MARK: giving up

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
                met(.jobOrphaned)
                executors[index].jobs[number]?.fate = .answered
            } else {
                executors[index].jobs[number] = nil
            }
        }
    }

    /// The container engine hangs: it will carry the job out when it comes to itself, whoever waits for it by then.
    private mutating func postpone(_ index: Int, _ number: Int, until: Moment) {
        let span = chances.containers.milliseconds(1...(chances.containers.hits(300) ? 12_000 : 200))
        agenda.add(.jobEnds(index, job: number), at: until + span)
        guard let job = executors[index].jobs[number], job.fate != .answered else { return }
        var patience = World.jobPatience
        if case .check(_, _, _, let timeout) = job.job { patience = timeout }
        agenda.add(.jobGivenUp(index, job: number), after: patience)
    }

    mutating func giveUp(_ index: Int, _ number: Int) {
        guard let job = executors[index].jobs[number], job.fate != .answered,
            executors[index].process?.life == job.life, executors[index].process?.jobs[job.key] == number
        else { return }
        if case .works = job.fate {
            executors[index].jobs[number]?.fate = .answered
        } else {
            executors[index].jobs[number] = nil
        }
        let kind: JobFailure.Kind = chances.containers.hits(500) ? .timedOut : .engineAway
        tell(index, job, .failed(JobFailure(kind, reason: "no answer in time")))
    }

    // MARK: ends

    mutating func jobEnds(_ index: Int, _ number: Int) {
        if case .hangs(let until) = executors[index].engine, executors[index].jobs[number]?.job.isForEngine == true {
            return postpone(index, number, until: until)
        }
        guard let job = executors[index].jobs.removeValue(forKey: number) else { return }
        let outcome: Outcome
        if case .fails(let failure) = job.fate {
            outcome = .failed(failure)
        } else if executors[index].engine == .away, job.job.isForEngine {
            outcome = .failed(JobFailure(.engineAway, reason: "no answer"))
        } else if case .failsHalfDone(let failure) = job.fate {
            _ = effect(index, of: job)
            outcome = .failed(failure)
        } else {
            outcome = effect(index, of: job)
        }
        guard job.fate != .answered, executors[index].process?.life == job.life,
            executors[index].process?.jobs[job.key] == number
        else { return }
        tell(index, job, outcome)
    }

    mutating func tell(_ index: Int, _ job: SimulatedExecutor.RunningJob, _ outcome: Outcome) {
        guard executors[index].process?.life == job.life else { return }
        guard executors[index].process?.isStopped == false else {
            executors[index].process?.delayed.append(.outcomeKnown(index, job, outcome))
            return
        }
        executors[index].process?.jobs[job.key] = nil
        note("e\(index) \(job.key.instance.short)/\(job.key.attempt) \(job.job.word): \(outcome.words)")
        if case .check(let mode, let container, _, _) = job.job, !mode.isHook {
            oracle.checked(container, outcome)
        }
        tell(index, .outcome(job.key.instance, attempt: job.key.attempt, outcome))
    }
}

extension CheckMode {
    /// Of the simulation's specifications.
    static let hook = CheckMode.http(HTTPCheck(portName: "main", path: "/leave"))
    static let commandHook = CheckMode.command(CommandCheck(command: "leave"))

    var isHook: Bool { self == Self.hook || self == Self.commandHook }
}

extension Job {
    /// An HTTP check goes to the container's port.
    var isForEngine: Bool {
        if case .check(.http, _, _, _) = self { false } else { true }
    }

    var word: String {
        switch self {
        case .pull: "pull"
        case .create: "create"
        case .start(let id): "start \(id)"
        case .check(let mode, _, _, _): mode.isHook ? "hook" : "check"
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
