import ApusClient
import ApusTelemetry
import ArgumentParser

/// A controller and an executor in one process.
struct NodeCommand: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Run a controller and an executor in one process: equal machines are a cluster.",
        discussion: """
            With --zookeeper the controllers of all nodes lead in turn, and the executors report to whoever leads; without \
            it this one leads alone. It takes the settings of both roles, and needs a Docker engine at its first start. \
            When it ends the containers run on, and the next start finds them again. Beyond loopback it starts only with \
            users and with --node-secret-file.
            """
    )

    static let live = ControllerOptions.live.union(LoggingOptions.live)

    @Option(
        help: ArgumentHelp(
            "Where to keep state: the controller's in controller there, the executor's in executor. Default: "
                + "$XDG_DATA_HOME/apus-node or ~/.local/share/apus-node.",
            valueName: "dir"
        )
    )
    var state: String?

    @Option(help: ArgumentHelp("Where the API listens.", valueName: "ip:port"))
    var address = "127.0.0.1:10000"

    @Option(
        help: ArgumentHelp("Where the executor listens; the hostname and this port make its id.", valueName: "ip:port")
    )
    var executorAddress = "127.0.0.1:11000"

    @OptionGroup var role: RoleOptions
    @OptionGroup var controller: ControllerOptions
    @OptionGroup var executor: ExecutorOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        let (api, executor) = try addresses()
        guard api != executor else {
            throw ValidationError("--address and --executor-address must differ: each is a port of its own")
        }
        try executor.checkPublishing(option: "--executor-address")
        _ = try adminAddress()
    }

    func derived() throws -> [String: String] {
        let common = try role.derived(state: statePath(), at: addresses().api, admin: adminAddress())
        return try executor.derived().merging(common) { _, new in new }
    }

    func run(_ configuration: RoleConfiguration) async throws {
        let (api, executorAddress) = try addresses()
        try role.network.check([api, executorAddress])
        let path = try statePath()
        let process = process(statePath: path)
        let kept = LiveSetting(try controller.keeping())
        let reload = await ConfigurationReload(configuration, process) { (new: Self) in
            kept.current = try new.controller.keeping()
        }
        let (security, telemetry) = (try role.network.security(process.logger), Telemetry(label: role.label))
        let hostname = try role.network.announced(api)
        let ensemble = try role.zooKeeper.settings(session: controller.session())
        let roster = ensemble.map { ControllerRoster($0, logger: process.logger) }
        let controller = try controller.controller(
            at: api,
            as: hostname,
            admin: nil,
            security: security,
            telemetry: telemetry,
            keeping: kept,
            logger: process.logger
        )
        let node = ClusterNode(
            controller: controller,
            executor: try executor.executor(
                at: executorAddress,
                as: role.network.announced(executorAddress),
                label: role.label,
                security: security,
                statePath: path,
                controllers: roster.map { .inZooKeeper($0) } ?? .named([controller.url]),
                telemetry: telemetry,
                logger: process.logger
            ),
            ensemble: ensemble,
            admin: try adminAddress()
        )
        try await node.run(in: process, beside: reload)
    }

    private func statePath() throws -> String { try StatePath.resolved(state, for: "apus-node") }

    private func addresses() throws -> (api: NodeAddress, executor: NodeAddress) {
        (
            try NodeAddress(address, option: "--address"),
            try NodeAddress(executorAddress, option: "--executor-address")
        )
    }

    private func adminAddress() throws -> NodeAddress? {
        let (api, executor) = try addresses()
        return try role.admin.address(after: api, others: [executor])
    }
}
