import ApusClient
import ApusEngine
import ApusModel
import ApusStore
import Logging
import Synchronization

/// What a controller that does not lead knows of the cluster: for those who would rather have it old than not at all.
final class Recollection: Sendable {
    /// A state as it was once.
    struct Memory: Sendable {
        let state: ClusterState
        let at: Moment
        /// Of this state alone: what is kept of another tells nothing of it.
        let endpoints = EndpointCache()
    }

    private struct Kept {
        var memory: Memory?
        /// When it was tried last to read a newer one.
        var tried: Moment?
    }

    /// What is no older is not read anew, however often somebody asks.
    private static let freshness: Duration = .seconds(1)
    /// How often it is read though nobody asks, so that there is something when the store goes away.
    private static let interval: Duration = .seconds(30)
    /// The same while there is nothing.
    private static let firstInterval: Duration = .seconds(2)
    /// So long somebody waits for what is newer.
    private static let patience: Duration = .seconds(2)

    private let settings: ControllerSettings
    private let cluster: Once<ClusterID>
    private let store: any StateStore
    private let published: Published
    private let time: TimeSource
    private let logger: Logger
    /// One reading at a time.
    private let gate = Gate(limit: 1)
    private let kept = Mutex(Kept())

    init(
        _ settings: ControllerSettings,
        cluster: Once<ClusterID>,
        store: any StateStore,
        published: Published,
        time: TimeSource,
        logger: Logger
    ) {
        self.settings = settings
        self.cluster = cluster
        self.store = store
        self.published = published
        self.time = time
        self.logger = logger
    }

    /// Keeps what this controller led with, if that is newer.
    func keep(_ lead: Published.Lead?) {
        guard let lead else { return }
        keep(Memory(state: lead.state, at: lead.at))
    }

    /// What is known without reading; `nil` if nothing is.
    var known: ClusterState? { kept.withLock { $0.memory?.state } }

    /// The newest there is, at most a second old if the store answers; `nil` if nothing was ever read.
    func newest() async -> Memory? {
        // Of a term that is over but not ended yet.
        keep(published.last)
        do {
            try await withDeadline(Self.patience, late: { CancellationError() }) { [self] in try await refresh() }
        } catch {
            // What is there says how old it is.
        }
        return kept.withLock(\.memory)
    }

    /// Reads again and again while this controller does not lead, until cancelled.
    func run() async {
        var trouble = ""
        while !Task.isCancelled {
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: kept.withLock(\.memory) == nil ? Self.firstInterval : Self.interval)
            do {
                if let lead = published.last { forget(before: lead.at) } else { try await refresh() }
                trouble = ""
            } catch is CancellationError {
                return
            } catch {
                if trouble != "\(error)" {
                    logger.warning("what the leader stores could not be read", metadata: ["error": "\(error)"])
                }
                trouble = "\(error)"
            }
        }
    }

    // MARK: reading

    private func refresh() async throws {
        try await gate.pass {
            let now = time().now
            if let tried = kept.withLock(\.tried), now - tried < Self.freshness { return }
            defer { kept.withLock { $0.tried = time().now } }
            if let state = try await read() { keep(Memory(state: state, at: now)) }
        }
    }

    /// What a leader would begin with; `nil` if there was none yet.
    private func read() async throws -> ClusterState? {
        guard let cluster = cluster.value else { return nil }
        let epoch = try await store.currentEpoch()
        guard epoch > 0 else { return nil }
        let records = try await store.records()
        try Controller.refuseHalfImport(records)
        return try Engine(
            cluster: cluster,
            epoch: epoch,
            seed: settings.seed,
            records: records,
            settings: settings.engine,
            at: time()
        ).state
    }

    /// Whoever leads needs no second state.
    private func forget(before moment: Moment) {
        kept.withLock { kept in
            if let memory = kept.memory, memory.at < moment { kept.memory = nil }
        }
    }

    private func keep(_ memory: Memory) {
        kept.withLock { kept in
            if kept.memory.map({ $0.at < memory.at }) ?? true { kept.memory = memory }
        }
    }
}
