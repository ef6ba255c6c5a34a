import ApusStore
import Logging
import ServiceLifecycle
import UnixSignals

/// What every process of a cluster does alike: it logs, holds its state directory, and runs services until it is told
/// to end.
struct NodeProcess {
    let statePath: String
    let logger: Logger
    /// From where on is logged.
    let logLevel: LiveSetting<Logger.Level>

    /// Once a process: it sets the process's logging up.
    ///
    /// A `label` stands in every line of the log.
    init(statePath: String, logLevel: Logger.Level, label: String? = nil) {
        Output.outliveReader()
        let level = LiveSetting(logLevel)
        LoggingSystem.bootstrap { NodeLogHandler(label: $0, level: level) }
        var logger = Logger(label: "apus")
        if let label { logger[metadataKey: "label"] = "\(label)" }
        self.logger = logger
        self.logLevel = level
        self.statePath = statePath
    }

    /// One that was killed a moment ago may still have its lock.
    private func stateDirectory() async throws -> StateDirectory {
        let end = ContinuousClock.now + .seconds(2)
        while true {
            do throws(StoreError) {
                return try StateDirectory(at: statePath)
            } catch {
                guard case .locked = error, ContinuousClock.now < end else { throw error }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Runs `body` with the state directory locked for this process.
    ///
    /// - Throws: `CommandFailure`, whatever it was that failed.
    func holdingState(_ body: (StateDirectory) async throws -> Void) async throws {
        do {
            let directory = try await stateDirectory()
            // Also what keeps the lock until here: not every body does.
            defer { directory.close() }
            try await body(directory)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
        Output.line("stopped; all containers keep running and are found again at the next start")
    }

    /// Runs the services until SIGTERM or SIGINT, and stops them in the reverse order.
    ///
    /// - Throws: what the first one threw that failed; it takes the others with it.
    func serve(_ services: [(any Service)?]) async throws {
        let services = services.compactMap(\.self)
        var configuration = ServiceGroupConfiguration(together: services, logger: logger)
        configuration.gracefulShutdownSignals = [.sigterm, .sigint]
        try await ServiceGroup(configuration: configuration).run()
    }
}

extension ServiceGroupConfiguration {
    /// After this a shutdown no longer waits.
    private static let shutdownLimit: Duration = .seconds(20)

    /// The first service that fails has the others stopped too, in the reverse order; so it is in a group within another.
    init(together services: [any Service], logger: Logger) {
        let together = services.map { service in
            ServiceConfiguration(service: service, failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        self.init(services: together, logger: logger)
        maximumGracefulShutdownDuration = Self.shutdownLimit
    }
}
