import ApusClient
import ApusExecutor
import ApusModel
import ServiceLifecycle

/// An executor that asks at its very first start which cluster it belongs to, and never again.
///
/// So one that was set up takes care of its containers at once, whether or not a controller can be reached.
struct JoiningExecutor: Service {
    let node: ExecutorNode
    let membership: ClusterMembership
    /// What is written down already.
    let known: ClusterID?

    func run() async throws {
        do {
            let cluster = if let known { known } else { try await cancelWhenGracefulShutdown { try await join() } }
            try await node.executor(of: cluster).run()
        } catch is CancellationError {
            // Told to end while it waited: nothing has begun.
        }
    }

    private func join() async throws -> ClusterID {
        let cluster = try await ClusterSearch(
            controllers: node.controllers.map(\.description),
            caller: Caller(node: node.hostname, secrets: node.security.secrets, trusting: node.security.trust),
            logger: node.logger
        ).found()
        try membership.settle(cluster)
        Output.line("joined    cluster \(cluster), for good: \(node.statePath) now belongs to it")
        return cluster
    }
}
