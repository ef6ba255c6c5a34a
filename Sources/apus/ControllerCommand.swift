import ApusEngine
import ApusModel
import ArgumentParser

/// A controller in a process of its own.
struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller",
        abstract: "Run a controller: it keeps the cluster's state, decides, and serves the API.",
        discussion: """
            It founds a cluster with a new state directory and leads it with an old one. It touches no containers: that \
            is the work of `apus executor`, and when the controller ends, they and their containers go on. It has no \
            authentication, so it listens on loopback only.
            """
    )

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

    @OptionGroup var admin: AdminOptions
    @OptionGroup var weights: TaskWeightOptions
    @OptionGroup var retention: RetentionOptions
    @OptionGroup var specifications: SpecificationOptions
    @OptionGroup var callers: CallerOptions

    @Option(help: ArgumentHelp("How much to log to standard error.", valueName: "level"))
    var logLevel = LogLevel.info

    func validate() throws {
        _ = try admin.address(after: LoopbackAddress(address, option: "--address"))
    }

    func run() async throws {
        let address = try LoopbackAddress(address, option: "--address")
        let admin = try admin.address(after: address)
        let path = try StatePath.resolved(state, for: "apus-controller")
        let process = NodeProcess(statePath: path, logLevel: logLevel.level)
        try await process.holdingState { directory in
            let cluster = try ClusterMembership(directory: directory).knownOrFounded()
            var engine = EngineSettings()
            engine.taskWeights = weights.weights
            engine.retention = try retention.retention()
            engine.allowances = specifications.allowances
            let controller = ControllerNode(
                cluster: cluster,
                address: address,
                admin: admin,
                engine: engine,
                callers: try callers.settings(),
                logger: process.logger
            )
            let welcome = """
                API       \(address.url) (no authentication: whoever reaches it controls the cluster)
                cluster   \(cluster)
                state     \(path)
                metrics   \(admin.metrics)
                Next: apus executor --controllers \(address.url). Ctrl-C ends this and leaves containers running.
                """
            try await controller.withServices(in: directory, onListening: { Output.line(welcome) }) { services in
                try await process.serve(services)
            }
        }
    }
}
