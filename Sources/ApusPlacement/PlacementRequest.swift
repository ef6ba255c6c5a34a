package import ApusModel

/// One instance that looks for a place.
package struct PlacementRequest: Hashable, Sendable {
    package var instance: InstanceID
    /// Whom it counts with.
    package var group: PlacementGroup
    /// Whole cores (slots on a shared executor), all on one NUMA node.
    package var cores: Int
    /// On the same NUMA node as the cores.
    package var memoryMB: Int64
    /// Named amounts of the executor as a whole.
    package var quantities: [String: Int64]
    package var policy: PlacementPolicy
    /// Of the specification: what a rule of the policy may ask for.
    package var environment: [String: String]
    /// Executors that shall not be tried this time.
    package var avoiding: Set<ExecutorID>
    /// The only executor that is asked; `nil`: all are.
    package var only: ExecutorID?
    /// Among the executors that can take it one is drawn by what is free there; `nil`: the best fit is taken.
    package var loadWeights: LoadWeights?
    /// The cluster's own SPREAD holds for it, unless its policy has one.
    package var takesDefaultSpread: Bool

    package init(
        instance: InstanceID,
        group: PlacementGroup,
        cores: Int,
        memoryMB: Int64,
        quantities: [String: Int64] = [:],
        policy: PlacementPolicy = .any,
        environment: [String: String] = [:],
        avoiding: Set<ExecutorID> = [],
        only: ExecutorID? = nil,
        loadWeights: LoadWeights? = nil,
        takesDefaultSpread: Bool = true
    ) {
        self.instance = instance
        self.group = group
        self.cores = cores
        self.memoryMB = memoryMB
        self.quantities = quantities
        self.policy = policy
        self.environment = environment
        self.avoiding = avoiding
        self.only = only
        self.loadWeights = loadWeights
        self.takesDefaultSpread = takesDefaultSpread
    }
}
