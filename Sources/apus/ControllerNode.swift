import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTelemetry
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A controller as a part of a process: its loop and its API.
struct ControllerNode {
    let address: NodeAddress
    /// Under which others find it.
    let hostname: String
    /// Where it tells of itself; `nil` for nowhere.
    let admin: NodeAddress?
    let security: NodeSecurity
    var telemetry = Telemetry()
    var engine = EngineSettings()
    var callers = CallerSettings()
    var audit = AuditLimits()
    /// Both as they are now, where that may change.
    var keeping: (@Sendable () -> Keeping)?
    /// Who may join, as it is now; `nil` is everybody who is let in.
    var joinList: @Sendable () -> JoinList? = { nil }
    /// The same that its store goes by.
    let time: TimeSource
    let logger: Logger

    /// Where others call it.
    var url: NodeURL { NodeURL(isEncrypted: security.encryption != nil, host: hostname, port: address.port) }

    /// By which other controllers know it.
    var id: String { "\(hostname):\(address.port)" }

    /// Gives `body` the services to run; the audit log is open until it ends.
    func withServices(
        on state: ClusterStore,
        in directory: StateDirectory,
        onListening: @escaping @Sendable () -> Void,
        _ body: ([any Service]) async throws -> Void
    ) async throws {
        let crash = try crashPoint()
        let log: AuditStore
        do throws(StoreError) {
            log = try await AuditStore.open(in: directory)
        } catch {
            // One that is locked, or whose disk is full, is sound.
            let remedy =
                if case .corrupt = error {
                    " To begin a new one, move \(AuditStore.fileName) and the files beside it (-wal, -shm) out of "
                        + "\(directory.path)."
                } else {
                    ""
                }
            throw CommandFailure(.other, "The audit log cannot be opened: \(error).\(remedy)")
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(services(state, log, crash, onListening)))
        } catch {
            result = .failure(error)
        }
        try await log.close()
        try result.get()
    }

    private func services(
        _ state: ClusterStore,
        _ log: AuditStore,
        _ crash: CrashPoint?,
        _ onListening: @escaping @Sendable () -> Void
    ) -> [any Service] {
        var settings = ControllerSettings(
            cluster: state.cluster,
            hostname: hostname,
            port: address.port,
            seed: .random(in: .min ... .max)
        )
        settings.engine = engine
        settings.callers = callers
        settings.isEncrypted = security.encryption != nil
        settings.isReachable = !address.isLoopback || callers.trustedProxy != nil
        settings.nodeSecrets = security.secrets
        settings.trust = security.trust
        settings.audit = audit
        settings.keeping = keeping
        settings.joinList = joinList
        logger.info("what has ended is kept for a while", metadata: engine.retention.metadata)
        if let store = state.zooKeeper {
            settings.session = store.session.settings.timeout
            SessionNumbers(store.session) { store.totals }.join(telemetry.metrics)
        }
        let controller = Controller(
            settings: settings,
            store: state.store,
            leadership: state.leadership,
            audit: log,
            time: time,
            crash: crash,
            hangs: { hang in CommandFailure(hang).exitUnheldUp() },
            telemetry: telemetry,
            logger: logger
        )
        let server = APIServer(
            api: controller.api,
            address: address.host,
            port: address.port,
            logger: logger,
            encryption: security.encryption
        ) { _ in
            onListening()
        }
        // The last one is stopped first: of several controllers the one that ends is still asked for what it told last,
        // and one that is alone still answers what it was asked.
        let both: [any Service] = state.leadership.isShared ? [server, controller] : [controller, server]
        let own = AdminServer(telemetry, at: admin, encryption: security.encryption, logger: logger)
        return own.map { [$0] + both } ?? both
    }

    /// For tests: see `CrashPoint`.
    private func crashPoint() throws -> CrashPoint? {
        guard let text = ProcessInfo.processInfo.environment["APUS_CRASH_AT"], !text.hasPrefix("instance-") else {
            // The executor's: see `TransitionCrash`.
            return nil
        }
        guard let point = CrashPoint(text) else {
            throw CommandFailure(
                .other,
                "APUS_CRASH_AT must be before-commit:N, after-commit:N, after-send:N, hang:N or standstill:N, not \(text)"
            )
        }
        return point
    }
}
