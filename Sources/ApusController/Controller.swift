import ApusClient
package import ApusEngine
package import ApusModel
package import ApusStore
package import ApusTelemetry
import HashTreeCollections
package import Logging
import ServiceLifecycle

/// What one controller is told at its start.
package struct ControllerSettings: Sendable {
    package var cluster: ClusterID
    /// Where clients reach its API; shown as the leader.
    package var hostname: String
    package var port: Int
    /// Chooses among equals, and makes ids.
    package var seed: UInt64
    package var engine = EngineSettings()
    package var events = EventLimits()

    package init(cluster: ClusterID, hostname: String, port: Int, seed: UInt64) {
        self.cluster = cluster
        self.hostname = hostname
        self.port = port
        self.seed = seed
    }
}

/// Why a controller ended by itself.
package struct ControllerError: Error, CustomStringConvertible {
    package var description: String
}

/// The leader: one loop that takes what comes in, lets the engine decide, stores that, and hands it out.
package struct Controller: Service {
    /// Delivers a command to the executor at a base URL.
    package typealias Send = @Sendable (NodeCommand, _ url: String) async throws -> CommandAnswer

    /// Time passes for the engine at least this often.
    private static let tick: Duration = .milliseconds(200)
    /// Before a store that was away is asked again.
    private static let storePause: Duration = .milliseconds(200)

    let settings: ControllerSettings
    let store: any StateStore
    let time: TimeSource
    let crash: CrashPoint?
    let logger: Logger
    let published = Published()
    let numbers: ControllerNumbers
    private let desk = PlacementDesk()
    private let endpoints = EndpointCache()
    /// Where requests and reports are handed in.
    package let inbox: Inbox
    /// What clients are told of what has happened.
    package let events: EventLog
    private let outboxes: Outboxes

    package init(
        settings: ControllerSettings,
        store: any StateStore,
        time: TimeSource = .system(),
        send: @escaping Send = { command, url in try await NodeClient().send(command, to: url) },
        crash: CrashPoint? = nil,
        telemetry: Telemetry = Telemetry(),
        logger: Logger
    ) {
        self.settings = settings
        numbers = ControllerNumbers(telemetry, published: published)
        self.store = store
        self.time = time
        self.crash = crash
        self.logger = logger
        inbox = Inbox(time: time)
        // Other ids than the engine draws.
        events = EventLog(seed: ~settings.seed, time: time, limits: settings.events)
        outboxes = Outboxes(
            inbox: inbox,
            outfit: Outfit(fetches: settings.engine.allowances.fetches, time: time),
            send: send,
            crash: crash,
            logger: logger
        )
    }

    /// Its HTTP API; answers that it does not lead before and after `run`.
    package var api: API {
        API(
            inbox: inbox,
            published: published,
            events: events,
            time: time,
            desk: desk,
            endpoints: endpoints,
            allowances: settings.engine.allowances,
            access: .open,
            leader: "\(settings.hostname):\(settings.port)",
            logger: logger
        )
    }

    /// Leads until a graceful shutdown, which finishes the turn under way and leaves all containers running.
    ///
    /// - Throws: `ControllerError` if the state cannot be read, or another leader took over.
    package func run() async throws {
        defer {
            published.publish(nil)
            inbox.close("the controller has stopped")
        }
        let turn = try await takeOver(as: store.acquireEpoch())
        numbers.elected(.start)
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await outboxes.run() }
                group.addTask { await events.run() }
                group.addTask {
                    while !Task.isCancelled {
                        inbox.nudge()
                        try await Task.sleep(for: Self.tick)
                    }
                }
                group.addTask { try await lead(turn) }
                // Only the loop ends by itself.
                try await group.next()
            }
        } onGracefulShutdown: {
            inbox.stop()
        }
    }

    /// Leads; takes over anew when an executor turns out to have obeyed a greater epoch.
    private func lead(_ turn: Turn) async throws {
        var turn = turn
        while true {
            var loop = LeaderLoop(turn: turn, controller: self, outboxes: outboxes)
            guard let met = try await loop.run() else { return }
            turn = try await takeOver(as: store.raiseEpoch(from: turn.committed.epoch, above: met))
            numbers.elected(.epochOvertaken)
        }
    }

    /// The keys of instance tokens that the store holds; new ones the first time, stored before any is used.
    private func tokens(among records: [Record], _ epoch: Epoch) async throws -> InstanceTokens {
        if let record = records.first(where: { $0.key == InstanceTokens.recordKey }) {
            do throws(JSONError) {
                return try InstanceTokens(record: try JSON(parsing: record.bytes))
            } catch {
                throw ControllerError(description: "The stored keys of instance tokens cannot be used: \(error).")
            }
        }
        let tokens = InstanceTokens()
        let batch = Batch(epoch: epoch, writes: [.put(InstanceTokens.recordKey, tokens.record.bytes)])
        while let error = await failure(of: batch) {
            guard case .unavailable = error else { throw error }
            logger.warning("the store does not take the keys; trying again", metadata: ["error": "\(error)"])
            try await Task.sleep(for: Self.storePause)
        }
        return tokens
    }

    /// `nil` if the batch is stored.
    private func failure(of batch: Batch) async -> StoreError? {
        do throws(StoreError) {
            try await store.commit(batch)
            return nil
        } catch {
            return error
        }
    }

    /// Loads what the store holds; every earlier leader is fenced off by the epoch.
    private func takeOver(as epoch: Epoch) async throws -> Turn {
        var records: [Record] = []
        for kind in RecordKind.allCases { records += try await store.list(kind) }
        let turn: Turn
        do {
            let engine = try Engine(
                cluster: settings.cluster,
                epoch: epoch,
                seed: settings.seed &+ UInt64(bitPattern: epoch),
                records: records,
                settings: settings.engine,
                at: time()
            )
            let state = engine.state
            logger.info(
                "leading",
                metadata: [
                    "epoch": "\(epoch)", "applications": "\(state.applications.count)",
                    "executors": "\(state.members.count)",
                ]
            )
            turn = Turn(engine: engine)
        } catch {
            throw ControllerError(description: "The stored state cannot be used: \(error). Nothing was changed.")
        }
        await outboxes.outfit.take(try await tokens(among: records, epoch))
        return turn
    }
}
