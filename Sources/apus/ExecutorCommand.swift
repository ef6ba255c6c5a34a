import ApusClient
import ApusModel
import ApusTelemetry
import ArgumentParser

/// An executor in a process of its own.
struct ExecutorCommand: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "executor",
        abstract: "Run an executor: it keeps this machine's containers as the controller decides.",
        discussion: """
            At its first start it needs a Docker engine, and waits for a controller to learn which cluster it belongs \
            to. From then on it needs neither to start: it takes care of its containers, and goes on when they answer. \
            Beyond loopback it starts only with --node-secret-file, and publishes the ports of containers at its own \
            address; on loopback there too.
            """
    )

    static let live = LoggingOptions.live
    private static let usualController = "http://127.0.0.1:10000"

    @Option(
        help: ArgumentHelp(
            "Where to keep state. Default: $XDG_DATA_HOME/apus-executor or ~/.local/share/apus-executor.",
            valueName: "dir"
        )
    )
    var state: String?

    @Option(help: ArgumentHelp("Where it listens; its hostname and this port make its id.", valueName: "ip:port"))
    var address = "127.0.0.1:11000"

    @Option(
        help: ArgumentHelp(
            "A controller to report to. May be repeated, or hold several with commas between them. Default: those that "
                + "ZooKeeper names, with --zookeeper; else \(usualController).",
            valueName: "url"
        )
    )
    var controllers: [String] = []

    @Option(
        help: ArgumentHelp(
            "The cluster to belong to. Default: the one that this state directory belongs to, or else that of the "
                + "first controller that answers.",
            valueName: "id"
        )
    )
    var cluster: String?

    @OptionGroup var role: RoleOptions
    @OptionGroup var options: ExecutorOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        guard cluster.map({ ClusterID($0).isPlain }) ?? true else {
            throw ValidationError("--cluster must be up to 64 letters, digits, dots, hyphens and underscores")
        }
        let address = try NodeAddress(address, option: "--address")
        try address.checkPublishing(option: "--address")
        _ = try role.admin.address(after: address)
        guard controllers.isEmpty || role.zooKeeper.zookeeper == nil else {
            throw ValidationError("--controllers and --zookeeper exclude each other: both say who the controllers are")
        }
        _ = try namedControllers()
    }

    func derived() throws -> [String: String] {
        let address = try NodeAddress(address, option: "--address")
        let common = try role.derived(state: statePath(), at: address, admin: role.admin.address(after: address))
        var derived = try options.derived().merging(common) { _, new in new }
        derived["controllers"] = try namedControllers().first?.description
        return derived
    }

    func run(_ configuration: RoleConfiguration) async throws {
        let path = try statePath()
        let address = try NodeAddress(address, option: "--address")
        try role.network.check([address], calling: namedControllers())
        let hostname = try role.network.announced(address)
        let process = process(statePath: path)
        let reload = await ConfigurationReload<Self>(configuration, process)
        let controllers: KnownControllers =
            if let ensemble = try role.zooKeeper.settings() {
                .inZooKeeper(ControllerRoster(ensemble, logger: process.logger))
            } else {
                .named(try namedControllers())
            }
        let node = try options.executor(
            at: address,
            as: hostname,
            label: role.label,
            security: role.network.security(process.logger),
            statePath: path,
            controllers: controllers,
            telemetry: Telemetry(label: role.label),
            logger: process.logger
        )
        try await process.holdingState { directory in
            let membership = ClusterMembership(directory: directory)
            var known = try membership.known()
            try checkCluster(against: known, path)
            let engine = try await EngineSocket.greeting(node.engineSocket, isFirstStart: known == nil)
            if known == nil, let cluster {
                known = ClusterID(cluster)
                try membership.settle(ClusterID(cluster))
            }
            let admin = try role.admin.address(after: node.address)
            welcome(node, engine, known, admin)
            let encryption = node.security.encryption
            let server = AdminServer(node.telemetry, at: admin, encryption: encryption, logger: node.logger)
            let executor = JoiningExecutor(node: node, known: known) {
                try await ClusterSearch(of: node).joined(membership)
            }
            ServiceNotice.ready()
            try await process.serve([server, controllers.roster, executor, reload])
        }
    }

    private func statePath() throws -> String { try StatePath.resolved(state, for: "apus-executor") }

    /// None if ZooKeeper says who they are.
    private func namedControllers() throws -> [NodeURL] {
        guard role.zooKeeper.zookeeper == nil else { return [] }
        return try NodeURL.list(controllers.isEmpty ? [Self.usualController] : controllers, option: "--controllers")
    }

    private func checkCluster(against known: ClusterID?, _ path: String) throws {
        guard let known, let cluster, known != ClusterID(cluster) else { return }
        throw CommandFailure(
            .other,
            """
            \(path) belongs to the cluster \(known), not to \(cluster). Leave --cluster out, or give the executor of \
            another cluster a state directory of its own with --state.
            """
        )
    }

    private func welcome(
        _ node: ExecutorNode,
        _ engine: String,
        _ known: ClusterID?,
        _ admin: NodeAddress?
    ) {
        Output.line(
            """
            executor  \(node.url)\(node.address.listening(as: node.hostname))
            reports   to \(node.controllers)
            cluster   \(known.map { "\($0)" } ?? "not known yet: that of the first controller that answers")
            engine    \(engine)
            cores     \(node.sharing.explanation)
            state     \(node.statePath)
            metrics   \(admin.metrics(isEncrypted: role.network.isEncrypted))
            Ctrl-C ends this and leaves containers running.
            """
        )
    }
}
