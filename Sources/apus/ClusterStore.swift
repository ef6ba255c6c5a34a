import ApusController
import ApusModel
import ApusStore
import ApusTelemetry
import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where a controller keeps the cluster's state, and by which it comes to lead.
struct ClusterStore {
    /// For how long a store that is away is waited for at the start until that is said.
    private static let patience: Duration = .seconds(30)
    /// Before one that was there and did not answer is asked again.
    private static let pause: Duration = .seconds(1)

    let store: any StateStore
    let leadership: any Leadership
    /// The cluster, as far as the state directory knows it.
    let known: ClusterID?
    /// Which cluster it is; waits for a store that is away, for as long as it takes.
    ///
    /// It throws `CommandFailure` if the directory belongs to another one, or to one that is not there.
    var cluster: @Sendable () async throws -> ClusterID
    /// The store itself, if it is in ZooKeeper.
    var zooKeeper: ZooKeeperStore?

    /// Opens the store of a controller and closes it after `body`: that of an ensemble, or without one that of the state
    /// directory.
    ///
    /// - Throws: as both.
    static func with(
        _ ensemble: ZooKeeperSession.Settings?,
        in directory: StateDirectory,
        of controller: ControllerNode,
        _ body: (ClusterStore) async throws -> Void
    ) async throws {
        guard let ensemble else { return try await own(in: directory, id: controller.id, body) }
        let time = controller.time
        try await zooKeeper(
            ensemble,
            in: directory,
            id: controller.id,
            now: { time().now },
            observe: StoreNumbers(controller.telemetry.metrics).took,
            controller.logger,
            body
        )
    }

    /// Opens the store of the state directory, in which nobody else leads, and closes it after `body`.
    private static func own(
        in directory: StateDirectory,
        id: String,
        _ body: (ClusterStore) async throws -> Void
    ) async throws {
        let cluster = try ClusterMembership(directory: directory).knownOrFounded()
        let store = try await SQLiteStore.open(in: directory)
        let leadership = SoleLeadership(of: store, id: id, description: []) {
            WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        }
        let result: Result<Void, any Error>
        do {
            let state = ClusterStore(store: store, leadership: leadership, known: cluster) { cluster }
            result = .success(try await body(state))
        } catch {
            result = .failure(error)
        }
        try await store.close()
        try result.get()
    }

    /// Connects to ZooKeeper, and ends that after `body`, which begins though the ensemble may be away.
    ///
    /// - Throws: `CommandFailure` if the directory holds a state of its own.
    private static func zooKeeper(
        _ settings: ZooKeeperSession.Settings,
        in directory: StateDirectory,
        id: String,
        now: @escaping @Sendable () -> Moment,
        observe: @escaping @Sendable (StoreObservation) -> Void,
        _ logger: Logger,
        _ body: (ClusterStore) async throws -> Void
    ) async throws {
        guard try await !SQLiteStore.isOwn(in: directory) else {
            throw CommandFailure(
                .conflict,
                """
                \(directory.path) holds a state of its own (\(SQLiteStore.fileName)), which a controller with --zookeeper \
                does not use. To move it there: `apus store export FILE --state \(directory.path)`, \
                `apus store import FILE --zookeeper \(settings.address)`, then move \(SQLiteStore.fileName) out of the \
                directory, whose other files are this cluster's still. Otherwise give another directory with --state
                """
            )
        }
        let session = ZooKeeperSession.open(settings)
        let result: Result<Void, any Error>
        do {
            let known = try ClusterMembership(directory: directory).known()
            let store = ZooKeeperStore(session, now: now, observe: observe)
            let leadership = ZooKeeperLeadership(
                store: store,
                id: id,
                description: [],
                warn: { logger.warning("\($0)") },
                note: { logger.notice("\($0)") }
            )
            var state = ClusterStore(store: store, leadership: leadership, known: known) {
                let cluster = try await cluster(of: store, in: directory, settings.address, logger)
                try await SQLiteStore.keepOut(of: directory)
                await warn(session, settings.address, logger)
                return cluster
            }
            state.zooKeeper = store
            result = .success(
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { await tell(session, logger) }
                    return try await body(state)
                }
            )
        } catch {
            result = .failure(error)
        }
        await session.close()
        try result.get()
    }

    private static func cluster(
        of store: ZooKeeperStore,
        in directory: StateDirectory,
        _ address: ZooKeeperAddress,
        _ logger: Logger
    ) async throws -> ClusterID {
        let membership = ClusterMembership(directory: directory)
        guard let known = try membership.known() else {
            let new = UUID().uuidString.lowercased()
            let found = try await answered(logger) { () throws(StoreError) in
                try await store.open(within: patience)
                return ClusterID(try await store.cluster(orFound: new))
            }
            guard found.isPlain else {
                throw CommandFailure(.conflict, "\(address) holds cluster \(found), which is no id: \(remedy)")
            }
            // After it was founded: a directory never belongs to a cluster that is not there.
            try membership.settle(found)
            return found
        }
        // Looked for before anything is made there: where it is not, an empty one would be led under its id.
        let found = try await answered(logger) { () throws(StoreError) in try await store.founded(within: patience) }
        guard found == known.rawValue else {
            let place = "\(address) holds \(found.map { "cluster \($0)" } ?? "no cluster")"
            throw CommandFailure(.conflict, "\(place), and \(directory.path) belongs to cluster \(known): \(remedy)")
        }
        try await answered(logger) { () throws(StoreError) in try await store.open(within: patience) }
        return known
    }

    private static let remedy =
        "give the right path behind the servers, or bring an export of the cluster there with "
        + "`apus store import FILE --zookeeper`, or give another --state, which belongs to no cluster yet"

    /// What the servers answer; waits for those that are away.
    private static func answered<Answer>(
        _ logger: Logger,
        _ ask: () async throws(StoreError) -> Answer
    ) async throws -> Answer {
        var trouble = ""
        while true {
            do throws(StoreError) {
                return try await ask()
            } catch {
                guard case .unavailable(let reason) = error else { throw error }
                try Task.checkCancellation()
                if reason != trouble { logger.warning("waiting for ZooKeeper", metadata: ["error": "\(reason)"]) }
                trouble = reason
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Says when ZooKeeper, once it has answered, does not any more, and when it does again.
    private static func tell(_ session: ZooKeeperSession, _ logger: Logger) async {
        var answered: Bool?
        for await status in session.statuses() {
            switch status.phase {
            case .connecting where answered == true:
                logger.warning("ZooKeeper does not answer", metadata: ["reason": "\(status.trouble)"])
                answered = false
            case .connected:
                if answered == false { logger.notice("ZooKeeper answers again") }
                answered = true
            case .connecting, .closed: break
            }
        }
    }

    /// Says that a session is short for the ensemble: leaders would change needlessly.
    private static func warn(_ session: ZooKeeperSession, _ address: ZooKeeperAddress, _ logger: Logger) async {
        guard let warning = await address.quorumPatience()?.warning(session: session.status.timeout) else { return }
        logger.warning("\(warning)")
    }
}
