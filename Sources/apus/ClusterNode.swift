import ApusClient
import ApusModel
import ApusStore
import ApusTelemetry
import ServiceLifecycle

/// The graph of services behind `apus node`: a controller and an executor as everywhere, beside each other.
///
/// The executor waits for nothing of the controller but, at its very first start, the cluster's id: it takes care of its
/// containers whoever leads, and while nobody does.
struct ClusterNode {
    let controller: ControllerNode
    let executor: ExecutorNode
    /// `nil`: this controller leads alone.
    let ensemble: ZooKeeperSession.Settings?
    /// Where both tell of themselves; `nil` for nowhere.
    let admin: NodeAddress?

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Throws: `CommandFailure` if it cannot start, or a part of it fails.
    func run(in process: NodeProcess, beside other: (any Service)?) async throws {
        try await process.holdingState { directory in
            let own = try StateDirectory(at: "\(directory.path)/controller")
            defer { own.close() }
            let known = try ClusterMembership(directory: own).known()
            if known == nil { try checkNew(directory) }
            let engine = try await EngineSocket.greeting(executor.engineSocket, isFirstStart: known == nil)
            let (clusters, found) = AsyncStream.makeStream(of: ClusterID.self, bufferingPolicy: .bufferingNewest(1))
            let controlling = ControllerService(
                controller: controller,
                ensemble: ensemble,
                directory: own,
                onOpening: { found.yield($0) },
                onListening: { cluster in
                    Output.line(welcome(directory.path, cluster, engine))
                    ServiceNotice.ready()
                }
            )
            let executing = JoiningExecutor(node: executor, known: known) {
                for await cluster in clusters { return cluster }
                throw CancellationError()
            }
            let (telemetry, encryption) = (executor.telemetry, executor.security.encryption)
            let server = AdminServer(telemetry, at: admin, encryption: encryption, logger: process.logger)
            // Stopped in the reverse order: the controller gives way before the executor beside it ends.
            try await process.serve([server, executor.controllers.roster, executing, controlling, other])
        }
    }

    /// In a state directory of another role nothing would be found where a node looks for it.
    private func checkNew(_ directory: StateDirectory) throws {
        guard try ClusterMembership(directory: directory).known() != nil else { return }
        let path = directory.path
        throw CommandFailure(
            .conflict,
            """
            \(path) is the state directory of another role. A node has what a controller keeps in \(path)/controller, and \
            what an executor keeps in its folder executor in \(path)/executor: move it there, or give another --state.
            """
        )
    }

    private func welcome(_ path: String, _ cluster: ClusterID?, _ engine: String) -> String {
        let store = ensemble.map { "\nzookeeper \($0.address)" } ?? ""
        return """
            API       \(controller.url)\(controller.address.listening(as: controller.hostname))
            executor  \(executor.url)\(executor.address.listening(as: executor.hostname))
            reports   to \(executor.controllers)
            cluster   \(cluster.map { "\($0)" } ?? "not known yet: that of the ZooKeeper servers")
            engine    \(engine)
            cores     \(executor.sharing.explanation)
            state     \(path)\(store)
            metrics   \(admin.metrics(isEncrypted: executor.security.encryption != nil))
            Next: apus apply FILE, apus status. Ctrl-C ends this and leaves containers running.
            """
    }
}
