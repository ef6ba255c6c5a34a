import ApusClient
import ApusStore
import ApusTelemetry
import ArgumentParser

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

    static let live = ControllerOptions.live.union(LoggingOptions.live)

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
    @OptionGroup var options: ControllerOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        _ = try role.admin.address(after: NodeAddress(address, option: "--address"))
    }

    func derived() throws -> [String: String] {
        let address = try NodeAddress(address, option: "--address")
        return try role.derived(state: statePath(), at: address, admin: role.admin.address(after: address))
    }

    func run(_ configuration: RoleConfiguration) async throws {
        let address = try NodeAddress(address, option: "--address")
        let admin = try role.admin.address(after: address)
        try role.network.check([address])
        let hostname = try role.network.announced(address)
        let path = try statePath()
        let process = process(statePath: path)
        let kept = LiveSetting(try options.keeping())
        let reload = await ConfigurationReload(configuration, process) { (new: Self) in
            kept.current = try new.options.keeping()
        }
        let ensemble = try role.zooKeeper.settings(session: options.session())
        let controller = try options.controller(
            at: address,
            as: hostname,
            admin: admin,
            security: role.network.security(process.logger),
            telemetry: Telemetry(label: role.label),
            keeping: kept,
            logger: process.logger
        )
        try await process.holdingState { directory in
            try await ClusterStore.with(ensemble, in: directory, of: controller) { state in
                let store = ensemble.map { "\nzookeeper \($0.address)" } ?? ""
                let welcome = """
                    API       \(controller.url)\(address.listening(as: hostname))
                    cluster   \(state.known.map { "\($0)" } ?? "not known yet: that of the ZooKeeper servers")
                    state     \(path)\(store)
                    metrics   \(admin.metrics(isEncrypted: role.network.isEncrypted))
                    Ctrl-C ends this and leaves containers running. Next:
                        apus executor --controllers \(controller.url)
                    """
                let listening: @Sendable () -> Void = {
                    Output.line(welcome)
                    ServiceNotice.ready()
                }
                try await controller.withServices(on: state, in: directory, onListening: listening) { services in
                    try await process.serve(services + [reload])
                }
            }
        }
    }

    private func statePath() throws -> String { try StatePath.resolved(state, for: "apus-controller") }
}
