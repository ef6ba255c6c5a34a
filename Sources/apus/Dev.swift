import ApusClient
import ApusEngine
import ApusModel
import ArgumentParser

/// A whole cluster on this machine.
struct Dev: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a whole cluster on this machine: controller and executor in one process.",
        discussion: """
            Needs a Docker engine and nothing else. By default it listens on loopback, where nobody has to say who they \
            are, and publishes the ports of containers there too; beyond loopback it starts only with users and with \
            --node-secret-file. Ctrl-C ends it and leaves all containers running; the next start finds them again.
            """
    )

    @Option(
        help: ArgumentHelp(
            "Where to keep state. Default: $XDG_DATA_HOME/apus or ~/.local/share/apus.",
            valueName: "dir"
        )
    )
    var state: String?

    @Option(help: ArgumentHelp("Where the API listens.", valueName: "ip:port"))
    var address = "127.0.0.1:10000"

    @Option(help: ArgumentHelp("Where the executor listens.", valueName: "ip:port"))
    var executorAddress = "127.0.0.1:11000"

    @Option(
        help: ArgumentHelp(
            "The Docker engine's socket. Default: that of $DOCKER_HOST, or /var/run/docker.sock.",
            valueName: "path"
        )
    )
    var dockerSocket: String?

    @Option(help: ArgumentHelp("Hand out each core so many times, 1 to 256.", valueName: "n"))
    var multiplier = 16

    @Flag(help: "Give each instance whole cores of its own instead.")
    var pinned = false

    @OptionGroup var network: NetworkOptions
    @OptionGroup var admin: AdminOptions
    @OptionGroup var allowed: AllowanceOptions
    @OptionGroup var traits: TraitOptions
    @OptionGroup var hardware: HardwareOptions
    @OptionGroup var logs: LogOptions
    @OptionGroup var retention: RetentionOptions
    @OptionGroup var audit: AuditOptions

    @OptionGroup var weights: TaskWeightOptions
    @OptionGroup var specifications: SpecificationOptions
    @OptionGroup var callers: CallerOptions

    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        guard (1...256).contains(multiplier) else { throw ValidationError("--multiplier must be 1 to 256") }
        _ = try adminAddress()
        try NodeAddress(executorAddress, option: "--executor-address").checkPublishing(option: "--executor-address")
    }

    private func adminAddress() throws -> NodeAddress? {
        try admin.address(
            after: NodeAddress(address, option: "--address"),
            others: [NodeAddress(executorAddress, option: "--executor-address")]
        )
    }

    func run() async throws {
        var engine = EngineSettings()
        engine.taskWeights = weights.weights
        engine.retention = try retention.retention()
        engine.allowances = specifications.allowances
        let cluster = DevCluster(
            api: try NodeAddress(address, option: "--address"),
            executor: try NodeAddress(executorAddress, option: "--executor-address"),
            admin: try adminAddress(),
            network: network,
            statePath: try StatePath.resolved(state, for: "apus"),
            engineSocket: try EngineSocket.resolved(dockerSocket),
            sharing: pinned ? .pinned : .shared(multiplier: multiplier),
            allowances: allowed.allowances,
            traits: try hardware.traits(traits.traits),
            hardware: try hardware.hardware(),
            logs: logs.settings,
            engineSettings: engine,
            callers: try callers.settings(),
            audit: try audit.limits(),
            logLevel: logging.logLevel.level
        )
        try await cluster.run()
    }
}
