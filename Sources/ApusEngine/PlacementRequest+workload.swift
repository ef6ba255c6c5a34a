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
            loadWeights: loadWeights
        )
    }
}
