/// Something that has happened to the cluster, as clients are told (contract §6).
package struct ClusterEvent: Hashable, Sendable {
    /// Drove's types and no other: its Java client cannot read a list that has one it does not know.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case applicationChanged = "APP_STATE_CHANGE"
        case instanceChanged = "INSTANCE_STATE_CHANGE"
        case taskChanged = "TASK_STATE_CHANGE"
        case serviceChanged = "LOCAL_SERVICE_STATE_CHANGE"
        case serviceInstanceChanged = "LOCAL_SERVICE_INSTANCE_STATE_CHANGE"
        case executorAdded = "EXECUTOR_ADDED"
        case executorRemoved = "EXECUTOR_REMOVED"
        case executorBlacklistRequested = "EXECUTOR_BLACKLIST_REQUESTED"
        case executorBlacklisted = "EXECUTOR_BLACKLISTED"
        case executorUnblacklisted = "EXECUTOR_UN_BLACKLISTED"
        case maintenanceSet = "MAINTENANCE_MODE_SET"
        case maintenanceRemoved = "MAINTENANCE_MODE_REMOVED"
        case leadershipAcquired = "LEADERSHIP_ACQUIRED"
        case leadershipLost = "LEADERSHIP_LOST"
    }

    package var kind: Kind
    /// Drove's keys, and after them those of Apus.
    package var metadata: JSON

    package init(_ kind: Kind, _ metadata: JSON) {
        self.kind = kind
        self.metadata = metadata
    }
}
