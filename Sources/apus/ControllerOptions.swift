import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTelemetry
import ArgumentParser
import Logging

/// What is said to a controller alone, whether it has a process of its own or not.
struct ControllerOptions: ParsableArguments {
    /// Those of which a change holds without a restart.
    static let live: Set<String> = [
        "audit-age", "audit-records", "stale-check-interval", "stale-app-age", "stale-instance-age", "stale-task-age",
        "stale-service-age", "max-stale-instances-count",
    ]

    @Option(
        help: ArgumentHelp(
            "How long ZooKeeper waits for a controller that it does not hear, 1s to 60s: so long a leader that is lost is "
                + "not replaced.",
            valueName: "time"
        )
    )
    var zookeeperSession = "10s"

    @OptionGroup var weights: TaskWeightOptions
    @OptionGroup var retention: RetentionOptions
    @OptionGroup var audit: AuditOptions
    @OptionGroup var specifications: SpecificationOptions
    @OptionGroup var callers: CallerOptions
    @OptionGroup var admission: AdmissionOptions

    func validate() throws {
        _ = try session()
    }

    /// - Throws: `ValidationError` naming the option.
    func session() throws -> Duration {
        let session: Duration
        do {
            session = try DurationText(parsing: zookeeperSession).duration
        } catch {
            throw ValidationError("--zookeeper-session: \(error.message)")
        }
        guard (.seconds(1)...(.seconds(60))).contains(session) else {
            throw ValidationError("--zookeeper-session must be 1s to 60s")
        }
        return session
    }

    /// - Throws: `ValidationError` naming the option.
    func keeping() throws -> Keeping { Keeping(try retention.retention(), try audit.limits()) }

    /// The controller that is set up so; it tells of itself at `admin`, `nil` for nowhere.
    ///
    /// - Throws: `CommandFailure` if a file cannot be used.
    func controller(
        at address: NodeAddress,
        as hostname: String,
        admin: NodeAddress?,
        security: NodeSecurity,
        telemetry: Telemetry,
        keeping kept: LiveSetting<Keeping>,
        logger: Logger
    ) throws -> ControllerNode {
        var engine = EngineSettings()
        engine.taskWeights = weights.weights
        engine.retention = kept.current.retention
        engine.allowances = specifications.allowances
        return ControllerNode(
            address: address,
            hostname: hostname,
            admin: admin,
            security: security,
            telemetry: telemetry,
            engine: engine,
            callers: try callers.settings(),
            audit: kept.current.audit,
            keeping: { kept.current },
            joinList: try admission.joinList(logger),
            time: .system(),
            logger: logger
        )
    }
}
