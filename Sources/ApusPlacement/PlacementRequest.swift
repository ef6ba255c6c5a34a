package import ApusModel

/// One instance that looks for a place.
package struct PlacementRequest: Sendable {
    package var instance: InstanceID
    package var app: AppID
    /// Whole cores (slots on a shared executor), all on one NUMA node.
    package var cores: Int
    /// On the same NUMA node as the cores.
    package var memoryMB: Int64
    /// Named amounts of the executor as a whole.
    package var quantities: [String: Int64]
    package var policy: PlacementPolicy
    /// Executors that shall not be tried this time.
    package var avoiding: Set<ExecutorID>

    package init(
        instance: InstanceID,
        app: AppID,
        cores: Int,
        memoryMB: Int64,
        quantities: [String: Int64] = [:],
        policy: PlacementPolicy = .any,
        avoiding: Set<ExecutorID> = []
    ) {
        self.instance = instance
        self.app = app
        self.cores = cores
        self.memoryMB = memoryMB
        self.quantities = quantities
        self.policy = policy
        self.avoiding = avoiding
    }
}
