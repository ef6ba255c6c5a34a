import ApusClient
import ApusContainers
import ApusController
import ApusEngine
import ApusExecutor
import ApusModel
import ApusTelemetry
import Logging

/// The graph of services behind `apus dev`: a controller and an executor as everywhere, in one process over loopback.
struct DevCluster {
    let api: NodeAddress
    let executor: NodeAddress
    /// Where both tell of themselves; `nil` for nowhere.
    let admin: NodeAddress?
    let network: NetworkOptions
    let statePath: String
    let engineSocket: String
    let sharing: Topology.Sharing
    let allowances: ExecutorSettings.Allowances
    let traits: ExecutorSettings.Traits
    let hardware: ExecutorSettings.Hardware
    let logs: ExecutorSettings.Logs
    let engineSettings: EngineSettings
    let callers: CallerSettings
    let audit: AuditLimits
    let logLevel: Logger.Level

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Throws: `CommandFailure` if it cannot start, or a part of it fails.
    func run() async throws {
        let process = NodeProcess(statePath: statePath, logLevel: logLevel)
        try network.check([api, executor])
        let (name, executorName) = (try network.announced(api), try network.announced(executor))
        let url = NodeURL(isEncrypted: network.isEncrypted, host: name, port: api.port)
        let engine = try await EngineSocket.check(engineSocket).engine
        let telemetry = Telemetry()
        let security = try network.security(process.logger)
        let controller = ControllerNode(
            address: api,
            hostname: name,
            admin: admin,
            security: security,
            telemetry: telemetry,
            engine: engineSettings,
            callers: callers,
            audit: audit,
            time: .system(),
            logger: process.logger
        )
        try await process.holdingState { directory in
            try await ClusterStore.with(nil, in: directory, of: controller) { state in
                let executor = ExecutorNode(
                    address: executor,
                    hostname: executorName,
                    security: security,
                    statePath: statePath,
                    controllers: .named([url]),
                    engineSocket: engineSocket,
                    sharing: sharing,
                    allowances: allowances,
                    traits: traits,
                    hardware: hardware,
                    logs: logs,
                    telemetry: telemetry,
                    logger: process.logger
                ).executor(of: try await state.cluster())
                let listening: @Sendable () -> Void = { welcome(engine, url) }
                try await controller.withServices(on: state, in: directory, onListening: listening) { services in
                    // Stopped in the reverse order: the executor's last report still finds the controller.
                    try await process.serve(services + [executor])
                }
            }
        }
    }

    private func welcome(_ engine: String, _ url: NodeURL) {
        Output.line(
            """
            API       \(url)\(api.listening(as: url.host))
            executor  \(executor.url(isEncrypted: network.isEncrypted)), Docker \(engine) at \(engineSocket)
            cores     \(sharing.explanation)
            state     \(statePath)
            metrics   \(admin.metrics(isEncrypted: network.isEncrypted))
            Next: apus apply FILE, apus status. Ctrl-C ends this and leaves containers running.
            """
        )
    }
}
