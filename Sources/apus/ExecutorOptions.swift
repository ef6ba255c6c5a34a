import ApusClient
import ApusExecutor
import ApusModel
import ApusTelemetry
import ArgumentParser
import Logging

/// What is said to an executor alone, whether it has a process of its own or not.
struct ExecutorOptions: ParsableArguments {
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

    @OptionGroup var allowed: AllowanceOptions
    @OptionGroup var traits: TraitOptions
    @OptionGroup var hardware: HardwareOptions
    @OptionGroup var logs: LogOptions

    func validate() throws {
        guard !(pinned && multiplier != nil) else {
            throw ValidationError("--pinned and --multiplier exclude each other: cores are either owned or shared")
        }
        guard (1...256).contains(multiplier ?? 1) else { throw ValidationError("--multiplier must be 1 to 256") }
    }

    /// What holds where nobody says anything and the machine decides, by option.
    func derived() throws -> [String: String] {
        ["docker-socket": try EngineSocket.resolved(dockerSocket), "limits": LimitsFile.standardPath]
    }

    /// The executor that is set up so.
    ///
    /// - Throws: `CommandFailure` if it cannot be told where the engine is, `ValidationError` naming a wrong option.
    func executor(
        at address: NodeAddress,
        as hostname: String,
        label: String?,
        security: NodeSecurity,
        statePath: String,
        controllers: KnownControllers,
        telemetry: Telemetry,
        logger: Logger
    ) throws -> ExecutorNode {
        ExecutorNode(
            address: address,
            hostname: hostname,
            security: security,
            statePath: statePath,
            controllers: controllers,
            engineSocket: try EngineSocket.resolved(dockerSocket),
            sharing: multiplier.map { .shared(multiplier: $0) } ?? .pinned,
            allowances: allowed.allowances,
            traits: try hardware.traits(traits.traits).labelled(label),
            hardware: try hardware.hardware(),
            logs: logs.settings,
            telemetry: telemetry,
            logger: logger
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
