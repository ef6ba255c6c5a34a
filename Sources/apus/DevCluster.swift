import ApusContainers
import ApusController
import ApusExecutor
import ApusModel
import ApusStore
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The graph of services behind `apus dev`: the same as everywhere, over loopback.
struct DevCluster {
    /// After this a shutdown no longer waits.
    private static let shutdownLimit: Duration = .seconds(20)

    let api: LoopbackAddress
    let executor: LoopbackAddress
    let statePath: String
    let engineSocket: String
    let sharing: Topology.Sharing
    let logLevel: Logger.Level

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Throws: `CommandFailure` if it cannot start, or a part of it fails.
    func run() async throws {
        let logger = makeLogger()
        let engine = try await EngineSocket.check(engineSocket)
        do {
            let directory = try StateDirectory(at: statePath)
            let cluster = try clusterID(in: directory)
            let store = try await SQLiteStore.open(in: directory)
            let group = ServiceGroup(configuration: try services(cluster, store, "Docker \(engine.engine)", logger))
            let result: Result<Void, any Error>
            do {
                result = .success(try await group.run())
            } catch {
                result = .failure(error)
            }
            try await store.close()
            try result.get()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
        Output.line("stopped; all containers keep running and are found again at the next start")
    }

    private func makeLogger() -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "apus")
        logger.logLevel = logLevel
        return logger
    }

    /// Made once; containers carry it in a label.
    private func clusterID(in directory: StateDirectory) throws -> ClusterID {
        let name = "cluster"
        if let bytes = try directory.file(named: name) {
            guard let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first else {
                throw CommandFailure(
                    .other,
                    "\(directory.path)/\(name) is empty: put the cluster's id back, which its containers carry"
                )
            }
            return ClusterID(String(text))
        }
        let id = ClusterID(UUID().uuidString.lowercased())
        try directory.replace(named: name, with: Array("\(id)\n".utf8))
        return id
    }

    private func services(
        _ cluster: ClusterID,
        _ store: SQLiteStore,
        _ engine: String,
        _ logger: Logger
    ) throws -> ServiceGroupConfiguration {
        let controller = Controller(
            settings: ControllerSettings(
                cluster: cluster,
                hostname: api.host,
                port: api.port,
                seed: .random(in: .min ... .max)
            ),
            store: store,
            crash: try crashPoint(),
            logger: logger
        )
        let server = APIServer(api: controller.api, address: api.host, port: api.port, logger: logger) { _ in
            welcome(engine)
        }
        let executor = Executor(
            settings: ExecutorSettings(
                cluster: cluster,
                stateDirectory: "\(statePath)/executor",
                hostname: executor.host,
                address: executor.host,
                port: executor.port,
                controllers: [api.url],
                engineSocket: engineSocket,
                sharing: sharing,
                publishAddress: "127.0.0.1"
            ),
            logger: logger
        )
        // Stopped in the reverse order: the executor's last report still finds the controller.
        let services: [any Service] = [controller, server, executor]
        var configuration = ServiceGroupConfiguration(
            services: services.map { service in
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: service,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
            },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = Self.shutdownLimit
        return configuration
    }

    /// For tests: see `CrashPoint`.
    private func crashPoint() throws -> CrashPoint? {
        guard let text = ProcessInfo.processInfo.environment["APUS_CRASH_AT"] else { return nil }
        guard let point = CrashPoint(text) else {
            throw CommandFailure(
                .other,
                "APUS_CRASH_AT must be before-commit:N, after-commit:N or after-send:N, not \(text)"
            )
        }
        return point
    }

    private func welcome(_ engine: String) {
        let cores =
            switch sharing {
            case .pinned: "pinned: each instance has its cores to itself"
            case .shared(let multiplier): "shared: each is handed out \(multiplier) times"
            }
        Output.line(
            """
            API       \(api.url) (no authentication: whoever reaches it controls the cluster)
            executor  \(executor.url), \(engine) at \(engineSocket)
            cores     \(cores)
            state     \(statePath)
            Next: apus apps deploy FILE, apus apps list. Ctrl-C ends this and leaves containers running.
            """
        )
    }
}
