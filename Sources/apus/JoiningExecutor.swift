import ApusExecutor
import ApusModel
import ServiceLifecycle

/// An executor that has to learn at its very first start which cluster it belongs to, and never again.
///
/// So one that was set up takes care of its containers at once, whether or not a controller can be reached.
struct JoiningExecutor: Service {
    let node: ExecutorNode
    /// What is written down already.
    let known: ClusterID?
    /// Waits until it is known, and written down.
    let join: @Sendable () async throws -> ClusterID

    func run() async throws {
        do {
            let cluster = if let known { known } else { try await cancelWhenGracefulShutdown(join) }
            try await node.executor(of: cluster).run()
        } catch is CancellationError {
            // Told to end while it waited: nothing has begun.
        }
    }
}
