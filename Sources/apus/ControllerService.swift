import ApusModel
import ApusStore
import ServiceLifecycle

/// A controller beside other parts of its process, which do not wait while its store is away.
struct ControllerService: Service {
    let controller: ControllerNode
    /// `nil`: its store is in the directory.
    let ensemble: ZooKeeperSession.Settings?
    let directory: StateDirectory
    /// Told when it is known, and written down, which cluster this is.
    let onOpening: @Sendable (ClusterID) -> Void
    /// With the cluster if the state directory knows it.
    let onListening: @Sendable (ClusterID?) -> Void

    func run() async throws {
        try await ClusterStore.with(ensemble, in: directory, of: controller) { state in
            let (known, cluster) = (state.known, state.cluster)
            var state = state
            state.cluster = {
                let cluster = try await cluster()
                onOpening(cluster)
                return cluster
            }
            let listening: @Sendable () -> Void = { onListening(known) }
            try await controller.withServices(on: state, in: directory, onListening: listening) { services in
                let configuration = ServiceGroupConfiguration(together: services, logger: controller.logger)
                try await ServiceGroup(configuration: configuration).run()
            }
        }
    }
}
