import ApusAgent
import ApusModel

/// A machine: its containers and its disk last, its executor's process comes and goes.
struct SimulatedExecutor: Sendable {
    /// One run of the executor's process.
    struct Process: Sendable {
        /// Counts the starts: what belongs to an earlier run is told by it.
        let life: Int64
        /// Added to the virtual time: the monotonic clock of another process means nothing in this one.
        let clockOffset: Duration
        let began: Moment
        var turn: AgentTurn
        /// When the next `.tick` is due, in the process' own time.
        var tick: Moment?
        /// The report that is under way.
        var report: Int?
        /// Whom to answer.
        var callers: [Int64: CommandCall] = [:]
        /// The commands that are not answered yet.
        var commands: [Int64: NodeCommand] = [:]
        var lastReply: Int64 = 0
        var jobs: [JobKey: Int] = [:]
        /// The last write to the journal failed.
        var isJournalBroken = false
        /// Its last report told that its clock is off.
        var isClockOff = false
        /// The process is stopped; what came meanwhile waits.
        var isStopped = false
        var delayed: [Event] = []
        /// The revision up to which its instances' states were followed, and the states.
        var followed: Int64 = 0
        var stages: [InstanceID: InstanceState] = [:]

        /// When a tick is wanted that is not on its way yet.
        mutating func wantedTick() -> Moment? {
            guard let deadline = turn.nextDeadline else { return nil }
            if let tick, tick <= deadline { return nil }
            tick = deadline
            return deadline
        }
    }

    struct JobKey: Hashable {
        var instance: InstanceID
        var attempt: Int
    }

    /// A job at the container engine; it may outlast the process that asked for it.
    struct RunningJob: Sendable {
        let life: Int64
        let key: JobKey
        let job: Job
        /// What it will come to, if not what the container engine makes of it.
        var fate: Fate
    }

    enum Fate: Sendable, Equatable {
        case works
        /// It fails without effect.
        case fails(JobFailure)
        /// It fails, and what it did stays.
        case failsHalfDone(JobFailure)
        /// The answer was given already; the effect comes all the same.
        case answered
    }

    /// How its container engine does.
    enum Engine: Sendable, Equatable {
        case serves
        /// Every request fails soon.
        case away
        /// No request is answered; all of them are carried out when it comes to itself.
        case hangs(until: Moment)
    }

    let index: Int
    let description: NodeDescription
    /// When its zone lost its power; `nil` once it is back.
    var outSince: Moment?
    /// How far its civil clock is off.
    var skew: Duration
    var identity: NodeIdentity
    /// What is free on the machine, as it measures; `nil` if it does not.
    var load: NodeLoad?
    var disk = SimulatedDisk()
    /// How many state folders it has had.
    var folders = 1
    var containers = SimulatedContainers()
    var process: Process?
    var jobs: [Int: RunningJob] = [:]
    var lastJob = 0
    var engine = Engine.serves
    /// There is no room for another container.
    var isDiskFull = false
    /// The executor is too busy to judge a check.
    var isOverloaded = false
    var isDiskBad = false
    /// The machine is gone for good, with all that ran there.
    var isGone = false
}

/// Looked at in nearly every step: read through here the executor is not copied for it.
extension SimulatedExecutor {
    var life: Int64? { process?.life }
    var isStopped: Bool { process?.isStopped == true }
    var clockOffset: Duration { process?.clockOffset ?? .zero }
    var nextTick: Moment? { process?.tick }
    mutating func wantedTick() -> Moment? { process?.wantedTick() }

    func reports(with call: ReportCall) -> Bool { process?.life == call.life && process?.report == call.number }

    /// The states that changed since they were followed; `nil` if nothing did.
    mutating func changedStages() -> [(id: InstanceID, owner: Owner, state: InstanceState)]? {
        guard let agent = process?.turn.agent, let followed = process?.followed, agent.revision > followed else {
            return nil
        }
        process?.followed = agent.revision
        return agent.states(changedAfter: followed)
    }
}

/// One report on its way, and whose it is.
struct ReportCall: Hashable, Sendable {
    var executor: Int
    var life: Int64
    var number: Int
}

/// One command on its way, and whose it is.
struct CommandCall: Hashable, Sendable {
    var executor: Int
    /// Of the controller.
    var life: Int64
    var number: Int
}
