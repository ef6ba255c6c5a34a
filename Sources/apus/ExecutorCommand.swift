import ApusClient
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTelemetry
import ArgumentParser
import ServiceLifecycle

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

    static let live: Set<String> = ["log-level"]

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
            "A controller to report to. May be repeated, or hold several with commas between them.",
            valueName: "url"
        )
    )
    var controllers: [String] = ["http://127.0.0.1:10000"]

    @Option(
        help: ArgumentHelp(
            "The cluster to belong to. Default: the one that this state directory belongs to, or else that of the "
                + "first controller that answers.",
            valueName: "id"
        )
    )
    var cluster: String?

    @Option(
        help: ArgumentHelp(
            "The Docker engine's socket. Default: that of $DOCKER_HOST, or /var/run/docker.sock.",
            valueName: "path"
        )
    )
    var dockerSocket: String?

    @Flag(help: "Give each instance whole cores of its own. This is the default.")
    var pinned = false

    @Option(help: ArgumentHelp("Hand out each core so many times instead, 1 to 256.", valueName: "n"))
    var multiplier: Int?

    @OptionGroup var role: RoleOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var admin: AdminOptions
    @OptionGroup var allowed: AllowanceOptions
    @OptionGroup var traits: TraitOptions
    @OptionGroup var hardware: HardwareOptions
    @OptionGroup var logs: LogOptions

    @Option(help: ArgumentHelp("How much to log to standard error.", valueName: "level"))
    var logLevel = LogLevel.info

    func validate() throws {
        guard !(pinned && multiplier != nil) else {
            throw ValidationError("--pinned and --multiplier exclude each other: cores are either owned or shared")
        }
        guard (1...256).contains(multiplier ?? 1) else { throw ValidationError("--multiplier must be 1 to 256") }
        guard cluster.map({ ClusterID($0).isPlain }) ?? true else {
            throw ValidationError("--cluster must be up to 64 letters, digits, dots, hyphens and underscores")
        }
        let address = try NodeAddress(address, option: "--address")
        try address.checkPublishing(option: "--address")
        _ = try admin.address(after: address)
        _ = try NodeURL.list(controllers, option: "--controllers")
    }

    func derived() throws -> [String: String] {
        let address = try NodeAddress(address, option: "--address")
        return [
            "state": try statePath(), "hostname": try network.announced(address),
            "admin-address": try admin.address(after: address).map(\.description) ?? AdminOptions.none,
            "docker-socket": try EngineSocket.resolved(dockerSocket), "limits": LimitsFile.standardPath,
        ]
    }

    func run(_ configuration: RoleConfiguration) async throws {
        let path = try statePath()
        let address = try NodeAddress(address, option: "--address")
        let controllers = try NodeURL.list(controllers, option: "--controllers")
        try network.check([address], calling: controllers)
        let hostname = try network.announced(address)
        let process = NodeProcess(statePath: path, logLevel: logLevel.level, label: role.label)
        let reload = await ConfigurationReload(configuration, process.logger) { (new: Self) in
            process.logLevel.current = new.logLevel.level
        }
        let node = ExecutorNode(
            address: address,
            hostname: hostname,
            security: try network.security(process.logger),
            statePath: path,
            controllers: controllers,
            engineSocket: try EngineSocket.resolved(dockerSocket),
            sharing: multiplier.map { .shared(multiplier: $0) } ?? .pinned,
            allowances: allowed.allowances,
            traits: try hardware.traits(traits.traits).labelled(role.label),
            hardware: try hardware.hardware(),
            logs: logs.settings,
            telemetry: Telemetry(label: role.label),
            logger: process.logger
        )
        try await process.holdingState { directory in
            let membership = ClusterMembership(directory: directory)
            var known = try membership.known()
            try checkCluster(against: known, path)
            let engine = try await greeting(of: node.engineSocket, isFirstStart: known == nil)
            if known == nil, let cluster {
                known = ClusterID(cluster)
                try membership.settle(ClusterID(cluster))
            }
            let admin = try admin.address(after: node.address)
            welcome(node, engine, known, admin)
            let server = admin.map {
                AdminServer(
                    node.telemetry,
                    at: $0,
                    encryption: node.security.encryption,
                    logger: node.logger
                ) as any Service
            }
            let executor = JoiningExecutor(node: node, membership: membership, known: known)
            let services: [(any Service)?] = [server, executor, reload]
            ServiceNotice.ready()
            try await process.serve(services.compactMap(\.self))
        }
    }

    private func statePath() throws -> String { try StatePath.resolved(state, for: "apus-executor") }

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

    /// What is said of the engine.
    ///
    /// At the first start silence is most likely a mistake in the path, and nothing is lost by refusing. Later it is
    /// most likely an engine that restarts, with containers to be taken care of: then it is waited for.
    private func greeting(of socket: String, isFirstStart: Bool) async throws -> String {
        if isFirstStart { return "Docker \(try await EngineSocket.check(socket).engine) at \(socket)" }
        do {
            return "Docker \(try await EngineSocket.ask(socket, within: .seconds(2)).engine) at \(socket)"
        } catch {
            return "DOES NOT ANSWER at \(socket): \(error). Nothing can be started or stopped until it does"
        }
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
            reports   to \(node.controllers.map(\.description).joined(separator: ", "))
            cluster   \(known.map { "\($0)" } ?? "not known yet: that of the first controller that answers")
            engine    \(engine)
            cores     \(node.sharing.explanation)
            state     \(node.statePath)
            metrics   \(admin.metrics(isEncrypted: network.isEncrypted))
            Ctrl-C ends this and leaves containers running.
            """
        )
    }
}

extension ExecutorSettings.Traits {
    /// With a label for people among the facts, unless they have one already, or no room.
    fileprivate func labelled(_ label: String?) -> Self {
        guard let label, metadata["label"] == nil, metadata.count < NodeReport.mostMetadata else { return self }
        var traits = self
        traits.metadata["label"] = label
        return traits
    }
}
