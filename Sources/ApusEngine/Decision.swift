package import ApusModel

/// Something that the controller decided by itself, and why.
package struct Decision: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// As a step of an operation, or because more are wanted.
        case instanceStarted = "INSTANCE_STARTED"
        /// One more in place of another that failed, was lost, or has to go from where it is.
        case instanceReplaced = "INSTANCE_REPLACED"
        /// Found running without a record of it; it counts now.
        case instanceAdopted = "INSTANCE_ADOPTED"
        case instanceStopped = "INSTANCE_STOPPED"
        /// Its executor is to be free of it, and enough others are healthy.
        case instanceMoved = "INSTANCE_MOVED"
        case instanceSurplusStopped = "INSTANCE_SURPLUS_STOPPED"
        /// Its executor takes no commands, or was given up by a leader that ended before it told so.
        case instanceGivenUp = "INSTANCE_GIVEN_UP"
        /// What fails soon after its start waits before it is tried again.
        case backOff = "BACK_OFF"
        case placementRefused = "PLACEMENT_REFUSED"
        case countFollowed = "EXPECTED_COUNT_FOLLOWED"

        case taskPlaced = "TASK_PLACED"
        case taskLost = "TASK_LOST"
        /// It will never run: no place, or no executor took it.
        case taskGivenUp = "TASK_GIVEN_UP"

        case operationEnded = "OPERATION_ENDED"
        case operationFailed = "OPERATION_FAILED"
        case operationRolledBack = "OPERATION_ROLLED_BACK"

        case executorAdmitted = "EXECUTOR_ADMITTED"
        /// Another machine under the id of one that was given up.
        case executorReplaced = "EXECUTOR_REPLACED"
        /// It may not be heard: another machine under a member's id, say.
        case executorRefused = "EXECUTOR_REFUSED"
        /// Its required local services are healthy: it takes other work.
        case executorReady = "EXECUTOR_READY"
        case executorSilent = "EXECUTOR_SILENT"
        case executorLost = "EXECUTOR_LOST"
        /// It is heard again.
        case executorBack = "EXECUTOR_BACK"
        /// For a trouble, not by an operator.
        case executorSuspended = "EXECUTOR_SUSPENDED"
        case executorResumed = "EXECUTOR_RESUMED"
        /// What had to move from there has.
        case executorBlacklisted = "EXECUTOR_BLACKLISTED"
        case executorRetired = "EXECUTOR_RETIRED"
        case lossHeld = "LOSS_HELD"
        case lossReleased = "LOSS_RELEASED"

        case strayStopped = "STRAY_STOPPED"
        case stopHeld = "STOP_HELD"
        case recordForgotten = "RECORD_FORGOTTEN"
        /// The stored state is old: an executor has obeyed a later leader.
        case stateRestored = "STATE_RESTORED"
        /// To a controller that reaches more of the executors.
        case leadershipHandedOver = "LEADERSHIP_HANDED_OVER"
    }

    package var kind: Kind
    package var subject: AuditSubject
    /// For people; empty of a step that needs none beside its operation.
    package var cause: String
    /// What somebody asked for and this is a step of.
    package var operation: AuditOperation?
    package var detail: JSON?
    /// Whom it concerns beside its subject, by their ids.
    package var related: [String] = []

    init(_ kind: Kind, _ subject: AuditSubject, _ cause: String, of operation: AuditOperation? = nil) {
        self.kind = kind
        self.subject = subject
        self.cause = cause
        self.operation = operation
    }

    /// About an instance; it is found by its owner and its executor too.
    init(_ kind: Kind, _ instance: Instance, on hostname: String?, _ cause: String, of operation: AuditOperation? = nil)
    {
        self.init(kind, AuditSubject(instance.id), cause, of: operation)
        let owner = AuditSubject(instance.owner).id
        detail = .members([
            "owner": .string(owner), "executorId": instance.executor.json, "hostname": hostname.map { .string($0) },
        ])
        related = [owner, instance.executor.rawValue]
    }
}

extension AuditOperation {
    init(_ operation: Operation, of subject: AuditSubject) {
        self.init(operation.kind.rawValue, operation.id, of: subject)
    }

    init(_ operation: EndedOperation, of subject: AuditSubject) {
        self.init(operation.kind.rawValue, operation.id, of: subject)
    }

    /// What an operator asked of an executor; `nil` if it only takes work.
    init?(_ duty: Duty, of executor: ExecutorID) {
        let type: String
        switch duty {
        case .active: return nil
        case .blacklistRequested, .blacklisted: type = "EXECUTOR_BLACKLIST"
        case .suspended, .suspendedAtOnce: type = "EXECUTOR_SUSPEND"
        case .retiring: type = "EXECUTOR_RETIRE"
        }
        self.init(type, nil, of: AuditSubject(executor))
    }
}

extension EndCause {
    /// For people, where no executor said more.
    var words: String {
        switch self {
        case .stopped(let reason): "stopped (\(reason.rawValue))"
        case .exited(_, outOfMemory: true): "ended for lack of memory"
        case .exited(let code, _): "exited with code \(code)"
        case .pullFailed: "its image could not be fetched"
        case .startFailed: "its container could not be started"
        case .readinessFailed(let fault): "failed its readiness check (\(fault.rawValue))"
        case .healthFailed(let fault): "failed its health check (\(fault.rawValue))"
        case .refused: "its executor would not take it"
        case .executorLost: "its executor is not heard"
        case .unplaceable: "found no place"
        }
    }
}
