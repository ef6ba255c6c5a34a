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
    let onListening: @Sendable (ClusterID) -> Void

    func run() async throws {
        do {
            try await ClusterStore.with(ensemble, in: directory, of: controller) { state in
                let cluster = state.cluster
                onOpening(cluster)
                let listening: @Sendable () -> Void = { onListening(cluster) }
                try await controller.withServices(on: state, in: directory, onListening: listening) { services in
                    let configuration = ServiceGroupConfiguration(together: services, logger: controller.logger)
                    try await ServiceGroup(configuration: configuration).run()
                }
            }
        } catch is CancellationError {
            // Told to end while it waited for its store: nothing has begun.
        }
    }
}
