import ApusClient
import ApusExecutor
import ApusModel
import ApusTelemetry
import Logging

/// An executor as a part of a process, before it is known which cluster it belongs to.
struct ExecutorNode {
    let address: NodeAddress
    /// Under which others find it.
    let hostname: String
    let security: NodeSecurity
    /// The state directory of the process; the executor has a part of it to itself.
    let statePath: String
    let controllers: KnownControllers
    let engineSocket: String
    let sharing: Topology.Sharing
    let allowances: ExecutorSettings.Allowances
    let traits: ExecutorSettings.Traits
    let hardware: ExecutorSettings.Hardware
    let logs: ExecutorSettings.Logs
    var telemetry = Telemetry()
    let logger: Logger

    /// Where controllers call it.
    var url: NodeURL { NodeURL(isEncrypted: security.encryption != nil, host: hostname, port: address.port) }

    func executor(of cluster: ClusterID) -> Executor {
        var settings = ExecutorSettings(
            cluster: cluster,
            stateDirectory: "\(statePath)/executor",
            hostname: hostname,
            address: address.host,
            port: address.port,
            engineSocket: engineSocket,
            sharing: sharing,
            publishAddress: address.published ?? "127.0.0.1",
            allowances: allowances,
            traits: traits,
            hardware: hardware
        )
        settings.logs = logs
        return Executor(
            settings: settings,
            controllers: { [controllers] in controllers.urls },
            secrets: security.secrets,
            trust: security.trust,
            encryption: security.encryption,
            telemetry: telemetry,
            logger: logger
        )
    }
}

extension Topology.Sharing {
    /// For people who just started an executor.
    var explanation: String {
        switch self {
        case .pinned: "pinned: each instance has its cores to itself"
        case .shared(let multiplier): "shared: each is handed out \(multiplier) times"
        }
    }
}
