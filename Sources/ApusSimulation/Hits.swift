import ApusEngine
package import ApusModel

/// What runs met: it shows what they prove, and what they cannot.
package struct Hits: Sendable, Equatable {
    /// How often each fault came.
    package internal(set) var met: [Fault: Int] = [:]
    /// Faults by the work that was under way when they took effect: one may meet several kinds at once.
    package internal(set) var faults = Tally<Fault, Work>()
    /// What became of a commit that failed, by the records in it.
    package internal(set) var commits = Tally<CommitTrouble, StoredKind>()
    /// What became of a journal's write that failed, by the records in it.
    package internal(set) var journals = Tally<JournalTrouble, JournalledKind>()
    /// The states that instances of applications passed on their executors, each pair once a step.
    package internal(set) var instances = Tally<Stage, Stage>()
    /// Those of tasks.
    package internal(set) var tasks = Tally<Stage, Stage>()
    /// What the store says of tasks.
    package internal(set) var taskRecords = Tally<TaskStage, TaskStage>()

    package init() {}

    package static func += (left: inout Self, right: Self) {
        left.met.merge(right.met, uniquingKeysWith: +)
        left.faults += right.faults
        left.commits += right.commits
        left.journals += right.journals
        left.instances += right.instances
        left.tasks += right.tasks
        left.taskRecords += right.taskRecords
    }

    package subscript(_ fault: Fault) -> Int { met[fault] ?? 0 }
}

/// What may be under way when a fault comes: the operations of applications, and tasks.
package enum Work: CaseIterable, Sendable {
    /// No operation of an application.
    case noOperation
    case create, startInstances, stopInstances, scale, replaceStartFirst, replaceStopFirst, suspend, recover, destroy
    case rollout
    /// An operation of a local service.
    case localService
    /// A task that has not ended.
    case task
}

/// How a commit goes wrong.
package enum CommitTrouble: CaseIterable, Sendable {
    case decidedThenCrashed, failedBefore, failedAfter, lostInCrash, keptInCrash, fenced
}

/// What a commit holds.
package enum StoredKind: CaseIterable, Sendable {
    case application, localService, member, hint, ended, task, cluster

    init(_ kind: RecordKind) {
        switch kind {
        case .application: self = .application
        case .member: self = .member
        case .hint: self = .hint
        case .ended: self = .ended
        case .task: self = .task
        case .cluster: self = .cluster
        case .localService: self = .localService
        }
    }
}

/// How a write to an executor's journal goes wrong.
package enum JournalTrouble: CaseIterable, Sendable {
    case appendFailed, appendLost, appendTorn, rewriteFailed, rewriteLost
}

/// What an executor's journal keeps.
package enum JournalledKind: CaseIterable, Sendable {
    case fence, accepted, adopted, stopTold, container, restarting, completed, ended, settled, forgotten
}

/// A state of an instance, or none before it is there.
package struct Stage: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    package let state: InstanceState?

    package static let allCases = [Stage(state: nil)] + InstanceState.allCases.map { Stage(state: $0) }
    package var description: String { state?.rawValue ?? "NONE" }
}

/// What a task's record says.
package enum TaskStage: CaseIterable, Sendable {
    case absent, unplaced, placed, successful, failed, cancelled, lost

    init(_ record: JSON?) {
        guard let record else {
            self = .absent
            return
        }
        guard let end = record["end"] else {
            self = record["assignment"] == nil ? .unplaced : .placed
            return
        }
        switch end["cause"]?["kind"]?.text {
        case "EXITED" where end["cause"]?["code"]?.integer == 0: self = .successful
        case "STOPPED" where end["cause"]?["reason"]?.text == StopReason.killed.rawValue: self = .cancelled
        case "EXECUTOR_LOST": self = .lost
        default: self = end["state"]?.text == InstanceState.lost.rawValue ? .lost : .failed
        }
    }
}
