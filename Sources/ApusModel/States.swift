/// The state of an application as Drove's clients know it.
package enum ApplicationState: String, Sendable, CaseIterable {
    /// Accepted, not yet acted on.
    case initial = "INIT"
    /// Known, nothing expected to run.
    case monitoring = "MONITORING"
    /// Instances are expected and kept running.
    case running = "RUNNING"
    /// Fewer healthy than expected were noticed by a recovery.
    case outageDetected = "OUTAGE_DETECTED"
    case scalingRequested = "SCALING_REQUESTED"
    case stopInstancesRequested = "STOP_INSTANCES_REQUESTED"
    case replaceInstancesRequested = "REPLACE_INSTANCES_REQUESTED"
    case destroyRequested = "DESTROY_REQUESTED"
    case destroyed = "DESTROYED"
    case failed = "FAILED"
}

/// The state of one container: an instance of an application or of a local service, or a task (`PENDING` to `STOPPED`
/// or `LOST`).
package enum InstanceState: String, Sendable, CaseIterable {
    /// Assigned to an executor, not yet taken up by it.
    case pending = "PENDING"
    /// The image is being fetched.
    case provisioning = "PROVISIONING"
    case provisioningFailed = "PROVISIONING_FAILED"
    /// The container is being created and started.
    case starting = "STARTING"
    case startFailed = "START_FAILED"
    /// The container runs; its readiness check has not passed yet.
    case unready = "UNREADY"
    case readinessCheckFailed = "READINESS_CHECK_FAILED"
    /// The readiness check passed; the health check has not passed yet.
    case ready = "READY"
    case healthy = "HEALTHY"
    /// The health check failed too often, or the container exited unasked.
    case unhealthy = "UNHEALTHY"
    /// Being removed, with everything it held.
    case deprovisioning = "DEPROVISIONING"
    /// Asked to end; its container is being stopped.
    case stopping = "STOPPING"
    case stopped = "STOPPED"
    /// Its executor was given up.
    case lost = "LOST"
    /// Found again after a restart, not yet looked at.
    case unknown = "UNKNOWN"
    /// A task's container runs.
    case running = "RUNNING"
    /// A task's container has ended; the result says how.
    case runCompleted = "RUN_COMPLETED"
    /// A task's container could not be started.
    case runFailed = "RUN_FAILED"

    /// No further state follows.
    package var isTerminal: Bool { self == .stopped || self == .lost }

    /// On its way to HEALTHY or there: it counts towards what is expected.
    package var isAlive: Bool {
        switch self {
        case .pending, .provisioning, .starting, .unready, .ready, .healthy, .running, .unknown: true
        case .provisioningFailed, .startFailed, .readinessCheckFailed, .unhealthy, .deprovisioning, .stopping,
            .stopped, .lost, .runCompleted, .runFailed:
            false
        }
    }

    /// Drove's ACTIVE_STATES, the default filter of instance lists (contract §4.3).
    package static let active: Set<InstanceState> = [
        .pending, .provisioning, .starting, .unready, .ready, .healthy, .unhealthy, .deprovisioning, .stopping,
    ]

    /// The same of tasks (contract §4.6).
    package static let activeOfTasks: Set<InstanceState> = [
        .pending, .provisioning, .starting, .running, .runCompleted, .deprovisioning,
    ]
}

/// Why an instance ended, or is ending.
package enum EndCause: Hashable, Sendable {
    case stopped(StopReason)
    case exited(code: Int64, outOfMemory: Bool)
    case pullFailed
    case startFailed
    case readinessFailed(CheckFault)
    case healthFailed(CheckFault)
    /// The executor would not take it, or no longer has it.
    case refused
    case executorLost
    /// A task found no place in time.
    case unplaceable
}

/// Why a check did not pass.
package enum CheckFault: String, Sendable, CaseIterable {
    /// Nobody listens.
    case connect = "CONNECT"
    case tls = "TLS"
    case timeout = "TIMEOUT"
    /// An answer came, with another status.
    case status = "STATUS"
    /// The command ended with another code than 0.
    case exitCode = "EXIT_CODE"
    case other = "OTHER"
}

/// Why the controller asks for an end.
///
/// All but `unknown` are positive: they are never held back.
package enum StopReason: String, Sendable, CaseIterable {
    case scaledDown = "SCALED_DOWN"
    case replaced = "REPLACED"
    case destroyed = "DESTROYED"
    /// One too many of a known application.
    case surplus = "SURPLUS"
    /// STOP_INSTANCES named it.
    case requested = "REQUESTED"
    /// The operation that had started it failed and was rolled back.
    case rolledBack = "ROLLED_BACK"
    /// A user killed the task.
    case killed = "KILLED"
    /// An operator suspended its executor at once.
    case suspended = "SUSPENDED"
    /// It came back after it had been given up.
    case lost = "LOST"
    /// Its application is not known to this cluster.
    case unknown = "UNKNOWN"
}

extension EndCause {
    /// The record's form: `{"kind": …}` and what belongs to the kind.
    package var json: JSON {
        switch self {
        case .stopped(let reason): .members(["kind": "STOPPED", "reason": .string(reason.rawValue)])
        case .exited(let code, let outOfMemory):
            .members(["kind": "EXITED", "code": .integer(code), "outOfMemory": .bool(outOfMemory)])
        case .pullFailed: .members(["kind": "PULL_FAILED"])
        case .startFailed: .members(["kind": "START_FAILED"])
        case .readinessFailed(let fault):
            .members(["kind": "READINESS_FAILED", "fault": .string(fault.rawValue)])
        case .healthFailed(let fault): .members(["kind": "HEALTH_FAILED", "fault": .string(fault.rawValue)])
        case .unplaceable: .members(["kind": "UNPLACEABLE"])
        case .refused: .members(["kind": "REFUSED"])
        case .executorLost: .members(["kind": "EXECUTOR_LOST"])
        }
    }

    package init(json: JSON) throws(JSONError) {
        switch try json.string("kind") {
        case "STOPPED": self = .stopped(StopReason(rawValue: try json.string("reason")) ?? .unknown)
        case "EXITED":
            self = .exited(code: try json.integer("code"), outOfMemory: try json.bool("outOfMemory"))
        case "PULL_FAILED": self = .pullFailed
        case "START_FAILED": self = .startFailed
        case "READINESS_FAILED": self = .readinessFailed(CheckFault(in: json))
        case "HEALTH_FAILED": self = .healthFailed(CheckFault(in: json))
        case "UNPLACEABLE": self = .unplaceable
        case "EXECUTOR_LOST": self = .executorLost
        // A later version may know more causes; to an older reader they are all "it was not to be".
        default: self = .refused
        }
    }
}

extension CheckFault {
    /// Records of earlier versions do not say.
    fileprivate init(in json: JSON) {
        self = json["fault"]?.text.flatMap(CheckFault.init(rawValue:)) ?? .other
    }
}
