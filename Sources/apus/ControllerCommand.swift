import ApusClient
import ApusStore
import ApusTelemetry
import ArgumentParser
import ServiceLifecycle

/// A controller in a process of its own.
struct ControllerCommand: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller",
        abstract: "Run a controller: it keeps the cluster's state, decides, and serves the API.",
        discussion: """
            It founds a cluster with a new state directory and leads it with an old one. With --zookeeper the state is \
            there, and several controllers lead in turn: one leads, the others stand by. It touches no containers: that \
            is the work of `apus executor`, and when the controller ends, they and their containers go on. Beyond loopback \
            it starts only with users and with --node-secret-file.
            """
    )

    static let live = ControllerOptions.live.union(["log-level"])

    @Option(
        help: ArgumentHelp(
            "Where to keep the cluster's state. Default: $XDG_DATA_HOME/apus-controller or "
                + "~/.local/share/apus-controller.",
            valueName: "dir"
        )
    )
    var state: String?

    @Option(help: ArgumentHelp("Where the API listens.", valueName: "ip:port"))
    var address = "127.0.0.1:10000"

    @OptionGroup var role: RoleOptions
    @OptionGroup var zooKeeper: ZooKeeperOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var admin: AdminOptions
    @OptionGroup var options: ControllerOptions

    @Option(help: ArgumentHelp("How much to log to standard error.", valueName: "level"))
    var logLevel = LogLevel.info

    func validate() throws {
        _ = try admin.address(after: NodeAddress(address, option: "--address"))
    }

    func derived() throws -> [String: String] {
        let address = try NodeAddress(address, option: "--address")
        return [
            "state": try statePath(), "hostname": try network.announced(address),
            "admin-address": try admin.address(after: address).map(\.description) ?? AdminOptions.none,
        ]
    }

    func run(_ configuration: RoleConfiguration) async throws {
        let address = try NodeAddress(address, option: "--address")
        let admin = try admin.address(after: address)
        try network.check([address])
        let hostname = try network.announced(address)
        let path = try statePath()
        let process = NodeProcess(statePath: path, logLevel: logLevel.level, label: role.label)
        let kept = LiveSetting(try options.keeping())
        let reload = await ConfigurationReload(configuration, process.logger) { (new: Self) in
            kept.current = try new.options.keeping()
            process.logLevel.current = new.logLevel.level
        }
        let ensemble = try zooKeeper.settings(session: options.session())
        let controller = try options.controller(
            at: address,
            as: hostname,
            admin: admin,
            security: network.security(process.logger),
            telemetry: Telemetry(label: role.label),
            keeping: kept,
            logger: process.logger
        )
        try await process.holdingState { directory in
            try await ClusterStore.with(ensemble, in: directory, of: controller) { state in
                let url = "\(NodeURL(isEncrypted: network.isEncrypted, host: hostname, port: address.port))"
                let store = ensemble.map { "\nzookeeper \($0.address)" } ?? ""
                let welcome = """
                    API       \(url)\(address.listening(as: hostname))
                    cluster   \(state.known.map { "\($0)" } ?? "not known yet: that of the ZooKeeper servers")
                    state     \(path)\(store)
                    metrics   \(admin.metrics(isEncrypted: network.isEncrypted))
                    Next: apus executor --controllers \(url). Ctrl-C ends this and leaves containers running.
                    """
                let listening: @Sendable () -> Void = {
                    Output.line(welcome)
                    ServiceNotice.ready()
                }
                try await controller.withServices(on: state, in: directory, onListening: listening) { services in
                    let all: [(any Service)?] = services + [reload]
                    try await process.serve(all.compactMap(\.self))
                }
            }
        }
    }

    private func statePath() throws -> String { try StatePath.resolved(state, for: "apus-controller") }
}
