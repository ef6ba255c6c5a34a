package import ApusModel
package import ApusPlacement

extension PlacementRequest {
    /// What an instance of a specification asks for.
    package init(
        _ instance: InstanceID,
        for workload: Workload,
        group: PlacementGroup,
        avoiding: Set<ExecutorID> = [],
        loadWeights: LoadWeights? = nil
    ) {
        self.init(
            instance: instance,
            group: group,
            cores: workload.resources.cores,
            memoryMB: workload.resources.memoryMB,
            quantities: workload.resources.quantities,
            policy: workload.placementPolicy,
            environment: workload.env,
            avoiding: avoiding,
            loadWeights: loadWeights,
            takesDefaultSpread: workload.followsClusterSpread
        )
    }

    /// What one more of a local service asks for on one executor.
    package init(_ instance: InstanceID, of service: LocalServiceSpec, on executor: ExecutorID) {
        let workload = Workload.localService(service)
        self.init(instance, for: workload, group: workload.owner.placementGroup(name: nil))
        only = executor
    }
}

extension Workload {
    fileprivate var followsClusterSpread: Bool {
        if case .application = self { true } else { false }
    }
}
