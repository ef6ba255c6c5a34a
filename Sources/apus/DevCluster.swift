import ApusContainers
import ApusEngine
import ApusExecutor
import ApusModel
import Logging

/// The graph of services behind `apus dev`: a controller and an executor as everywhere, in one process over loopback.
struct DevCluster {
    let api: LoopbackAddress
    let executor: LoopbackAddress
    let statePath: String
    let engineSocket: String
    let sharing: Topology.Sharing
    let allowedVolumes: [String]
    let traits: ExecutorSettings.Traits
    let retention: Retention
    let logLevel: Logger.Level

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Throws: `CommandFailure` if it cannot start, or a part of it fails.
    func run() async throws {
        let process = NodeProcess(statePath: statePath, logLevel: logLevel)
        let engine = try await EngineSocket.check(engineSocket).engine
        try await process.holdingState { directory in
            let cluster = try ClusterMembership(directory: directory).knownOrFounded()
            let executor = ExecutorNode(
                address: executor,
                statePath: statePath,
                controllers: [api],
                engineSocket: engineSocket,
                sharing: sharing,
                allowedVolumes: allowedVolumes,
                traits: traits,
                logger: process.logger
            ).executor(of: cluster)
            let controller = ControllerNode(
                cluster: cluster,
                address: api,
                retention: retention,
                logger: process.logger
            )
            try await controller.withServices(in: directory, onListening: { welcome(engine) }) { services in
                // Stopped in the reverse order: the executor's last report still finds the controller.
                try await process.serve(services + [executor])
            }
        }
    }

    private func welcome(_ engine: String) {
        Output.line(
            """
            API       \(api.url) (no authentication: whoever reaches it controls the cluster)
            executor  \(executor.url), Docker \(engine) at \(engineSocket)
            cores     \(sharing.explanation)
            state     \(statePath)
            Next: apus apps deploy FILE, apus apps list. Ctrl-C ends this and leaves containers running.
            """
        )
    }
}
