/// The messages between controller and executor (`docs/architecture.md` §5): HTTP and JSON, one form up, one down.
///
/// Each carries `schema`; a reader takes the members that it knows and leaves the others. A new member does not raise
/// the schema: it rises when a reader of the old one would misread the new, and is then refused by it.
package enum NodeSchema {
    package static let version: Int64 = 1
}

package enum TransportType: String, Sendable {
    case http = "HTTP"
    case https = "HTTPS"
}

/// Who an executor is, in this run of its process.
package struct NodeIdentity: Hashable, Sendable {
    package var cluster: ClusterID
    package var id: ExecutorID
    /// Durable: made once with the state directory.
    package var key: NodeKey
    /// Rises at each start of the executor.
    package var incarnation: Int64
    package var hostname: String
    package var port: Int
    package var transport: TransportType

    package init(
        cluster: ClusterID,
        id: ExecutorID,
        key: NodeKey,
        incarnation: Int64,
        hostname: String,
        port: Int,
        transport: TransportType
    ) {
        self.cluster = cluster
        self.id = id
        self.key = key
        self.incarnation = incarnation
        self.hostname = hostname
        self.port = port
        self.transport = transport
    }
}

/// What an executor offers; sent with every full report, and when it has changed.
package struct NodeDescription: Hashable, Sendable {
    package var topology: Topology
    package var tags: [String]
    package var metadata: [String: String]
    /// Where the machine stands; `nil` if nobody said.
    package var zone: String?

    package init(topology: Topology, tags: [String], metadata: [String: String], zone: String? = nil) {
        self.topology = topology
        self.tags = tags
        self.metadata = metadata
        self.zone = zone
    }
}

/// The place of a command in the order of one executor's commands: by epoch, then by sequence.
package struct Fence: Hashable, Comparable, Sendable {
    package var epoch: Epoch
    package var sequence: Int64

    package init(epoch: Epoch, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }
}

/// One instance as its executor sees it.
package struct InstanceReport: Hashable, Sendable {
    package var id: InstanceID
    package var owner: Owner
    /// The application's name; for a task that of its source application.
    package var appName: String
    package var state: InstanceState
    package var allocation: ResourceAllocation
    package var ports: [PortMapping]
    /// For people; empty when all is well.
    package var error: String
    /// Set once it has begun to end.
    package var cause: EndCause?
    package var created: WallTime
    package var updated: WallTime
    /// The executor's revision at which this last changed.
    package var revision: Int64
    /// How often its executor started it again in place, while no leader could decide.
    package var restarts: Int
    /// How far what takes long has come, a pull say, for people; `nil` when nothing is under way.
    package var progress: String?

    package init(
        id: InstanceID,
        owner: Owner,
        appName: String,
        state: InstanceState,
        allocation: ResourceAllocation,
        ports: [PortMapping],
        error: String,
        cause: EndCause?,
        created: WallTime,
        updated: WallTime,
        revision: Int64,
        restarts: Int = 0,
        progress: String? = nil
    ) {
        self.id = id
        self.owner = owner
        self.appName = appName
        self.state = state
        self.allocation = allocation
        self.ports = ports
        self.error = error
        self.cause = cause
        self.created = created
        self.updated = updated
        self.revision = revision
        self.restarts = restarts
        self.progress = progress
    }
}

/// The one message up: heartbeat, change and full list are the same form.
///
/// It holds every instance that changed after `base`; `base` 0 makes it the full list. The executor advances its base
/// only to what the leader says it applied, so a later report says all that an earlier, lost one said.
package struct NodeReport: Hashable, Sendable {
    package var identity: NodeIdentity
    package var revision: Int64
    package var base: Int64
    package var instances: [InstanceReport]
    /// The highest fence the executor has recorded; `nil` before the first.
    package var fence: Fence?
    /// Present when `base` is 0, or what it says changed after that.
    package var description: NodeDescription?
    /// Why this executor cannot serve now, for people; empty when it can.
    ///
    /// Nothing new is placed there meanwhile.
    package var troubles: [Trouble]
    /// What people should know of it though it serves: a disk for logs that is full, say.
    package var warnings: [String] = []
    /// As it was measured last; `nil` if it was not.
    package var load: NodeLoad?
    /// Present when it changed after `base`; in a full list absence means none.
    package var quarantine: Quarantine?

    package init(
        identity: NodeIdentity,
        revision: Int64,
        base: Int64,
        instances: [InstanceReport],
        fence: Fence?,
        description: NodeDescription?,
        troubles: [Trouble] = [],
        load: NodeLoad? = nil,
        quarantine: Quarantine? = nil
    ) {
        self.identity = identity
        self.revision = revision
        self.base = base
        self.instances = instances
        self.fence = fence
        self.description = description
        self.troubles = troubles
        self.load = load
        self.quarantine = quarantine
    }
}

/// The leader's answer to a report.
package struct ReportAnswer: Hashable, Sendable {
    package enum Verdict: String, Sendable {
        case applied = "APPLIED"
        /// Older than what the leader has; dropped.
        case stale = "STALE"
        /// Another cluster's, or another key under a live id: refused and not counted as heard.
        case refused = "REFUSED"
    }
    package var verdict: Verdict
    package var epoch: Epoch
    /// The lease is valid and the store answers.
    package var canCommit: Bool
    /// The revision the leader has applied; 0 asks for the full list.
    package var applied: Int64
    /// Ended instances whose end is committed.
    package var settled: [InstanceID]
    /// Why it was refused, or is stale again and again; empty otherwise.
    package var reason: String
    /// The leader's civil time as the answer leaves; `nil` if it does not say.
    package var wall: WallTime?

    /// Why its executor is not heard, as long as things are so; `nil` if it is, or this report alone came late.
    package var refusal: String? {
        switch verdict {
        case .applied: nil
        case .stale: reason.isEmpty ? nil : reason
        case .refused: reason
        }
    }

    package init(
        verdict: Verdict,
        epoch: Epoch,
        canCommit: Bool,
        applied: Int64,
        settled: [InstanceID],
        reason: String,
        wall: WallTime? = nil
    ) {
        self.verdict = verdict
        self.epoch = epoch
        self.canCommit = canCommit
        self.applied = applied
        self.settled = settled
        self.reason = reason
        self.wall = wall
    }
}

/// All that an executor needs to run one instance.
package struct InstanceSpec: Hashable, Sendable {
    package var id: InstanceID
    package var workload: Workload
    package var allocation: ResourceAllocation
    /// By which it shows who it is, to whoever asks for it (contract §8.4); `nil` of a task.
    package var token: String?

    package var owner: Owner { workload.owner }

    package init(id: InstanceID, workload: Workload, allocation: ResourceAllocation, token: String? = nil) {
        self.id = id
        self.workload = workload
        self.allocation = allocation
        self.token = token
    }

    /// One instance of an application.
    package init(id: InstanceID, spec: ApplicationSpec, allocation: ResourceAllocation) {
        self.init(id: id, workload: .application(spec), allocation: allocation)
    }
}

/// The one message down.
package struct NodeCommand: Hashable, Sendable {
    package enum Order: Hashable, Sendable {
        case start(InstanceSpec)
        case stop(InstanceID, StopReason)
    }
    package var cluster: ClusterID
    package var executor: ExecutorID
    package var key: NodeKey
    package var fence: Fence
    package var order: Order

    package init(cluster: ClusterID, executor: ExecutorID, key: NodeKey, fence: Fence, order: Order) {
        self.cluster = cluster
        self.executor = executor
        self.key = key
        self.fence = fence
        self.order = order
    }

    /// The instance it is about.
    package var instance: InstanceID {
        switch order {
        case .start(let spec): spec.id
        case .stop(let id, _): id
        }
    }
}

/// The executor's answer to a command.
package enum CommandAnswer: Hashable, Sendable {
    package enum Refusal: String, Sendable {
        case wrongCluster = "WRONG_CLUSTER"
        case wrongExecutor = "WRONG_EXECUTOR"
        case staleFence = "STALE_FENCE"
        /// Another instance holds its cores or memory.
        case resourcesHeld = "RESOURCES_HELD"
        /// Of executors of earlier versions alone.
        case journalUnwritable = "JOURNAL_UNWRITABLE"
        /// What it asks for is not built or not allowed on this executor.
        case unsupported = "UNSUPPORTED"
        /// A configuration file that the controller was to fetch could not be had: the command never left.
        case configUnavailable = "CONFIG_UNAVAILABLE"
        case unreadable = "UNREADABLE"
    }
    /// Recorded; `report` is the instance's state now (`nil` for a stop of an id the executor never had).
    case accepted(InstanceReport?)
    case refused(Refusal, reason: String)
}
