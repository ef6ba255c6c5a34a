import ApusAgent
package import ApusClient
import ApusContainers
import ApusModel
import Hummingbird
import HummingbirdCore
package import ApusTelemetry
package import Logging
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An executor: performs on this machine what its agent decides.
package struct Executor: Service {
    private static let idleConnection = Duration.seconds(120)
    /// The leader, and whom it passes on: readers of logs, commands in containers; more wait to be taken.
    private static let mostConnections = 1024

    private let settings: ExecutorSettings
    private let controllers: @Sendable () -> [String]
    private let secrets: @Sendable () -> NodeSecrets?
    private let trust: ServerTrust
    private let encryption: (@Sendable () -> PortEncryption)?
    private let telemetry: Telemetry
    private let logger: Logger

    /// By default it lets in everybody, unencrypted, which is for loopback alone.
    ///
    /// `controllers` are base URLs such as `http://127.0.0.1:10000`, asked for with each report; the leader is one of them.
    /// `secrets` are those of the cluster, asked for whenever one is shown or to be shown; `trust` is in its controllers;
    /// `encryption` is that of its `ListeningPort`.
    package init(
        settings: ExecutorSettings,
        controllers: @escaping @Sendable () -> [String] = { [] },
        secrets: @escaping @Sendable () -> NodeSecrets? = { nil },
        trust: ServerTrust = .system,
        encryption: (@Sendable () -> PortEncryption)? = nil,
        telemetry: Telemetry = Telemetry(),
        logger: Logger
    ) {
        self.settings = settings
        self.controllers = controllers
        self.secrets = secrets
        self.trust = trust
        self.encryption = encryption
        self.telemetry = telemetry
        self.logger = logger
    }

    /// Runs until graceful shutdown or cancellation; both leave the containers running.
    ///
    /// - Throws: `ExecutorError`, `FileFailure` or `TopologyError` if it cannot start, all for people.
    package func run() async throws {
        let disk = DiskThread()
        let logDisk = DiskThread()
        let kernel = DiskThread()
        let engine = DockerEngine(socketPath: settings.engineSocket)
        let result: Result<Void, any Error>
        do {
            let beginning = try await disk.run { [settings, encryption] in
                try Beginning(settings, transport: encryption == nil ? .http : .https)
            }
            try await cancelWhenGracefulShutdown { try await serve(beginning, disk, logDisk, kernel, engine) }
            result = .success(())
        } catch is CancellationError {
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await engine.shutdown()
        try await disk.end()
        try await logDisk.end()
        try await kernel.end()
        try result.get()
    }

    /// What is read from the disk and the kernel before anything else happens.
    private struct Beginning: Sendable {
        /// Held for its lock.
        let directory: NodeDirectory
        let journal: Journal
        let records: [JournalRecord]
        let findings: [Journal.Finding]
        let identity: NodeIdentity
        let topology: Topology
        let limits: LimitsFile
        let registries: RegistryList

        init(_ settings: ExecutorSettings, transport: TransportType) throws {
            directory = try NodeDirectory(at: settings.stateDirectory)
            // First of all, so that nothing is ever said under an incarnation that another run had.
            let durable = try DurableIdentity.raised(in: directory)
            identity = NodeIdentity(
                cluster: settings.cluster,
                id: ExecutorID(hostname: settings.hostname, port: settings.port),
                key: durable.key,
                incarnation: durable.incarnation,
                hostname: settings.hostname,
                port: settings.port,
                transport: transport
            )
            topology = try Topology(offering: settings.hardware, sharing: settings.sharing)
            (journal, records, findings) = try Journal.open(in: directory)
            limits = try settings.allowances.limits()
            registries = try settings.allowances.registriesPath.map { path in try RegistryList(path: path) } ?? .empty
        }
    }

    private func serve(
        _ beginning: Beginning,
        _ disk: DiskThread,
        _ logDisk: DiskThread,
        _ kernel: DiskThread,
        _ engine: DockerEngine
    ) async throws {
        for finding in beginning.findings { log(finding) }
        let identity = beginning.identity
        logger.info(
            "executor starts",
            metadata: [
                "executor.id": "\(identity.id)", "executor.incarnation": "\(identity.incarnation)",
                "journal.records": "\(beginning.records.count)",
            ]
        )
        let machine = MachineWatch(settings, logger: logger) { try await engine.dataRoot() }
        let description = try await machine.first(beginning.topology)
        let agent = Agent(
            identity: identity,
            description: description,
            replaying: beginning.records,
            at: .current
        )
        let inbox = Inbox()
        let desk = CommandDesk(inbox: inbox)
        let gauge = LoadGauge(logger: logger)
        let sender = ReportSender(
            controllers: controllers,
            as: Caller(node: settings.hostname, secrets: secrets, trusting: trust),
            logger: logger
        )
        var host = ContainerHost(
            identity: identity,
            publishedAddress: settings.publishAddress,
            sharing: settings.sharing,
            environment: [:],
            givesAllGPUs: settings.allowances.givesAllGPUs
        )
        host.binding = .current(settings.hardware, beginning.topology)
        let numbers = ExecutorNumbers(
            telemetry,
            directory: settings.stateDirectory,
            logRoot: settings.logs.root
        ) { container in
            try await engine.stats(of: container, within: StatsWatch.patience)
        }
        let logFolder = settings.logs.root ?? "\(settings.stateDirectory)/logs"
        let logs = LogCapture(
            root: logFolder,
            source: EngineLogFiles(engine: engine, disk: logDisk),
            disk: logDisk,
            meters: numbers.logs,
            logger: logger
        )
        let retention = LogRetention(root: logFolder, capture: logs, disk: logDisk, logger: logger)
        let images = ImageKeeper(
            engine: engine,
            registries: beginning.registries,
            ledger: try await disk.run { [logger] in
                ImageLedger(in: beginning.directory, disk: disk, logger: logger)
            },
            keepsImages: settings.allowances.keepsImages,
            logger: logger
        )
        let performer = JobPerformer(
            engine: engine,
            host: host,
            probeAddress: settings.probeAddress,
            limits: beginning.limits,
            images: images,
            logs: logs,
            logger: logger
        )
        let containers = ContainerBook()
        let exec = ExecDesk(
            engine: engine,
            containers: containers,
            limits: beginning.limits,
            kernel: kernel,
            logger: logger
        )
        let loop = AgentLoop(
            agent: agent,
            journal: beginning.journal,
            disk: disk,
            engine: engine,
            performer: performer,
            desk: desk,
            inbox: inbox,
            images: images,
            logs: logs,
            numbers: numbers,
            containers: containers,
            logger: logger
        ) { report in
            var report = report
            report.load = machine.complete(gauge.load)
            report.warnings = logs.warnings
            numbers.reports(report)
            do {
                let answer = try await sender.send(report)
                numbers.answered(answer)
                return answer
            } catch {
                numbers.unanswered(error)
                throw error
            }
        }
        let watch = ExitWatch(engine: engine, identity: identity, inbox: inbox, logger: logger)
        let reader = LogReader(root: logFolder, disk: logDisk)
        let entrance = NodeGuard(secrets: secrets, logger: logger)
        let routes = NodeRoutes(
            desk: desk,
            identity: identity,
            logs: reader,
            entrance: entrance,
            exec: exec,
            stats: numbers.stats
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await loop.run() }
            group.addTask { await watch.run() }
            group.addTask { await logs.run() }
            group.addTask { await retention.run() }
            group.addTask { await gauge.run(on: kernel) }
            group.addTask { [directory = beginning.directory] in
                await StorageWatch(directory).run { await inbox.send(.storageTried(fault: $0)) }
            }
            group.addTask {
                await machine.run(after: description) {
                    performer.bind(.current(settings.hardware, $0.topology))
                    await inbox.send(.described($0))
                }
            }
            group.addTask { await numbers.stats.run() }
            group.addTask { await exec.run() }
            group.addTask { await numbers.machine.run(on: kernel) }
            group.addTask { try await listen(routes) }
            // None of them ends by itself: the first end is a failure or the shutdown.
            defer { group.cancelAll() }
            try await group.next()
        }
        beginning.journal.close()
        beginning.directory.close()
    }

    private func listen(_ routes: NodeRoutes) async throws {
        let listening = ListeningPort(
            settings.address,
            settings.port,
            .bounded(idle: Self.idleConnection),
            limit: Self.mostConnections,
            encryption: encryption
        )
        do {
            try await listening.serve(routes.router.buildResponder(), logger: logger)
        } catch let failure as ListenFailure {
            throw ExecutorError(
                """
                the executor cannot listen on \(settings.address):\(settings.port): \(failure.reason). Give another \
                address with --address; if it is another apus process's admin port, give that one another with \
                --admin-address
                """
            )
        }
    }

    private func log(_ finding: Journal.Finding) {
        switch finding {
        case .unfinished(let bytes):
            logger.notice("journal ended in an unfinished write, which was cut off", metadata: ["bytes": "\(bytes)"])
        case .damaged(let lines, let kept):
            logger.error(
                "journal is damaged: the readable records are used, the damaged file is kept",
                metadata: ["journal.lines": "\(lines)", "journal.kept": "\(kept)"]
            )
        }
    }
}

extension ContainerHost.Binding {
    /// As many processors as are there now.
    fileprivate static func current(_ hardware: ExecutorSettings.Hardware, _ topology: Topology) -> Self {
        Self(hardware, topology, processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
}

extension ExecutorSettings.Allowances {
    /// Reads the file if there is one; blocks.
    fileprivate func limits() throws(ExecutorError) -> LimitsFile {
        var base = MachineLimits()
        base.volumes = volumes
        base.allowsExec = allowsExec
        if let limitsPath { return try LimitsFile(path: limitsPath, beside: base) }
        return try LimitsFile(path: LimitsFile.standardPath, isOptional: true, beside: base)
    }
}
