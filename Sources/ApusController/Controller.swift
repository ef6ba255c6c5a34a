package import ApusClient
import ApusEngine
package import ApusModel
package import ApusStore
package import ApusTelemetry
import HashTreeCollections
package import Logging
import ServiceLifecycle

/// Why a controller ended by itself.
package struct ControllerError: Error, CustomStringConvertible {
    package var description: String
}

/// The leader: one loop that takes what comes in, lets the engine decide, stores that, and hands it out.
package struct Controller: Service {
    /// Delivers a command to the executor at a base URL.
    package typealias Send = @Sendable (NodeCommand, _ url: String) async throws -> CommandAnswer

    /// Asks who listens at a base URL.
    package typealias Ask = @Sendable (_ url: String) async throws -> NodePong

    /// Asks the controller at a base URL for a path below `/apis/v1/internal/history`, or for that itself.
    package typealias AskHistory =
        @Sendable (_ path: String, _ query: [(name: String, value: String)], _ url: String) async throws -> JSON

    /// Time passes for the engine at least this often.
    private static let tick: Duration = .milliseconds(200)
    /// How long nobody is given up while more than half are silent and what standbys reach is not known.
    private static let standbyPatience: Duration = .seconds(3)

    let settings: ControllerSettings
    /// Which cluster it is of, once it has reached its store.
    private let cluster = Once<ClusterID>()
    let store: any StateStore
    private let leadership: any Leadership
    private let peers: Peers
    let time: TimeSource
    let crash: CrashPoint?
    let logger: Logger
    let published: Published
    private let recollection: Recollection
    /// What the leader's loop shows of itself.
    let pulse = Pulse()
    /// What it shows of itself whatever its role.
    private let processPulse = Pulse()
    private let hangs: (@Sendable (Hang) -> Void)?
    let numbers: ControllerNumbers
    private let desk = PlacementDesk()
    private let endpoints = EndpointCache()
    private let access: Access
    private let vault: Vault
    private let execs = ExecRelays()
    let exports: ExportDesk
    private let usage: UsageDesk
    /// Where requests and reports are handed in.
    package let inbox: Inbox
    /// What clients are told of what has happened.
    package let events: EventLog
    let audit: AuditLog
    private let history: HistoryDesk
    private let follower: HistoryFollower
    private let outboxes: Outboxes
    let probes: Probes
    let inquiry: StandbyInquiry
    private let lookout: Lookout
    private let turnedAway = TurnedAway()

    /// Without a `leadership` there is no other controller.
    ///
    /// `hangs` is told, on a thread of its own, that the loop of a leader, or all of this controller, has not come round for
    /// so long: it should end the process, since another controller cannot lead well beside it.
    package init(
        settings: ControllerSettings,
        store: any StateStore,
        leadership: (any Leadership)? = nil,
        audit: AuditStore,
        time: TimeSource = .system(),
        send: Send? = nil,
        ask: Ask? = nil,
        askHistory: AskHistory? = nil,
        crash: CrashPoint? = nil,
        hangs: (@Sendable (Hang) -> Void)? = nil,
        telemetry: Telemetry = Telemetry(),
        logger: Logger
    ) {
        var settings = settings
        let isShared = leadership?.isShared ?? false
        if isShared { settings.engine.standbyPatience = Self.standbyPatience }
        self.settings = settings
        self.hangs = hangs
        let published = Published(time: time)
        self.published = published
        numbers = ControllerNumbers(telemetry, published: published, mayStandBy: isShared)
        let store = ObservedStore(store, tell: StoreNumbers(telemetry.metrics).took)
        self.store = store
        exports = ExportDesk(store)
        recollection = Recollection(
            settings,
            cluster: cluster,
            store: store,
            published: published,
            time: time,
            logger: logger
        )
        let leadership =
            leadership ?? SoleLeadership(of: store, id: settings.leader, description: [], wall: { time().wall })
        self.leadership = leadership
        let card = ControllerCard(
            hostname: settings.hostname,
            port: settings.port,
            isEncrypted: settings.isEncrypted,
            role: .standby,
            since: time().wall
        )
        let peers = Peers(leadership, as: card)
        self.peers = peers
        self.time = time
        self.crash = crash
        self.logger = logger
        inbox = Inbox(time: time)
        let news = NewsBell()
        // Other ids than the engine draws.
        let events = EventLog(seed: ~settings.seed, time: time, limits: settings.events, news: news)
        self.events = events
        let outfit = Outfit(fetches: settings.engine.allowances.fetches, time: time)
        let client = NodeClient(as: settings.caller)
        usage = UsageDesk { try await client.usage(of: $0) }
        let log = AuditLog(
            audit,
            as: leadership.isShared ? .standingBy(after: nil) : .alone,
            news: news,
            limits: settings.audit,
            keeping: settings.keeping,
            host: settings.hostname,
            time: time,
            logger: logger
        )
        self.audit = log
        history = HistoryDesk(events, log, news: news, logger: logger)
        let lag = numbers.history
        follower = HistoryFollower(settings.leader, events, log, peers, lag, logger: logger) { path, query, url in
            if let askHistory { return try await askHistory(path, query, url) }
            return try await client.history(path, query, of: url)
        }
        if isShared {
            telemetry.health.add("identity") { leadership.namesake.map { .unhealthy($0) } ?? .healthy }
        }
        telemetry.health.add("audit") {
            log.trouble.map { .unhealthy("the audit log cannot be written: \($0)") } ?? .healthy
        }
        outboxes = Outboxes(
            inbox: inbox,
            outfit: outfit,
            time: time,
            send: send ?? { try await client.send($0, to: $1) },
            crash: crash,
            logger: logger
        )
        let ask = ask ?? { try await client.ping($0) }
        probes = Probes(inbox: inbox, logger: logger, ask: ask)
        inquiry = StandbyInquiry(peers, inbox: inbox, logger: logger)
        lookout = Lookout(
            cluster: cluster,
            store: store,
            peers: peers,
            published: published,
            numbers: numbers,
            logger: logger,
            ask: settings.engine.probing == nil ? nil : ask
        )
        access = Access(settings, time: time, logger: logger)
        vault = Vault(settings, store: store, access: access, outfit: outfit, time: time, logger: logger)
    }

    /// Its HTTP API; answers that it does not lead before and after `run`.
    package var api: API {
        API(
            inbox: inbox,
            published: published,
            recollection: recollection,
            events: events,
            audit: audit,
            history: history,
            time: time,
            desk: desk,
            endpoints: endpoints,
            execs: execs,
            usage: usage,
            exports: exports,
            allowances: settings.engine.allowances,
            access: access,
            turnedAway: turnedAway,
            joinList: settings.joinList,
            vault: vault,
            peers: peers,
            caller: settings.caller,
            leader: settings.leader,
            storeFault: { [numbers] in numbers.storeFault },
            logger: logger
        )
    }

    /// Leads whenever it is elected, and stands by in between, until a graceful shutdown, which finishes the turn under way
    /// and leaves all containers running.
    ///
    /// - Throws: `ControllerError` if the state cannot be read, or the API would be open to other machines.
    package func run() async throws {
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await serve())
        } catch {
            outcome = .failure(error)
        }
        standBy("the controller has stopped")
        inbox.stop()
        await audit.finish()
        try outcome.get()
    }

    /// Nothing is taken, read or sent any more, until it leads again.
    private func standBy(_ reason: String) {
        let last = published.last
        recollection.keep(last)
        published.withdraw()
        audit.end()
        closeInbox(reason, in: last?.state)
        outboxes.end()
    }

    /// Whoever asked for what is in doubt now is told so, and the audit log who that was.
    private func closeInbox(_ reason: String, in state: ClusterState?) {
        let inDoubt = inbox.close(reason)
        guard let state else { return }
        audit.append(inDoubt.flatMap { $0.entriesInDoubt(for: reason, in: state, at: time().wall) })
    }

    /// Waits for its store, and stands and leads then.
    private func serve() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask {
                    // One who only stands by when it is stopped waits for its election no longer.
                    while !(inbox.isStopped && published.lead == nil) {
                        inbox.nudge()
                        if published.lead == nil, peers.leaderURL != nil { numbers.sawAnotherLead() }
                        try await Task.sleep(for: Self.tick)
                    }
                }
                group.addTask {
                    cluster.happen(try await settings.cluster())
                    try await work()
                }
                // Either ends when it is stopped, or what must not be served at all.
                do { try await group.next() } catch is CancellationError {}
            }
        } onGracefulShutdown: {
            inbox.stop()
        }
    }

    /// Stands and leads, with everything around it.
    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await outboxes.run() }
            group.addTask { await probes.run() }
            group.addTask { await events.run() }
            group.addTask { try await vault.run() }
            group.addTask { await peers.run() }
            group.addTask { await audit.run { (published.state ?? recollection.known)?.facts.checked } }
            if leadership.isShared {
                group.addTask { await recollection.run() }
                group.addTask {
                    var follower = follower
                    await follower.run()
                }
                group.addTask { await lookout.run() }
                group.addTask { await inquiry.run() }
                group.addTask { await NamesakeWatch(leadership: leadership, logger: logger).run() }
                if let hangs {
                    group.addTask { await processPulse.run(session: settings.session, crash) }
                    group.addTask { await Watchdog([(.loop, pulse), (.process, processPulse)], bite: hangs).run() }
                }
            }
            group.addTask { try await standAndLead() }
            // Only this ends by itself, or what must not be served at all.
            try await group.next()
        }
    }

    /// One term after the other, until it is stopped.
    private func standAndLead() async throws {
        // Before the epoch is taken, too: whoever imports just now would be fenced off, or find somebody in the line.
        do {
            try Self.refuseHalfImport(try await store.list(.cluster))
        } catch StoreError.unavailable where leadership.isShared {
            // Whoever takes over looks again.
        }
        var hasStood = false
        var pause = TakeOverPause()
        await peers.tell(.standby, at: time().wall)
        while !inbox.isStopped, !Task.isCancelled {
            let isFirst = !hasStood
            do {
                _ = try await leadership.lead { term in
                    // At once: its place in the line is given up when the store answers.
                    defer {
                        if let end = term.reason, !inbox.isStopped {
                            logger.warning("leading no more", metadata: ["reason": "\(end)"])
                        }
                    }
                    try await lead(term, isFirst && !peers.hasSeenAnotherLead ? .start : .won)
                }
                await peers.tell(.standby, at: time().wall)
                pause = TakeOverPause()
            } catch StoreError.unavailable(let reason) where leadership.isShared {
                logger.warning("the state could not be taken over", metadata: ["reason": "\(reason)"])
                await peers.tell(.standby, at: time().wall)
                try await Task.sleep(for: pause.next())
            }
            hasStood = true
        }
    }

    /// Leads until the term is over, or the controller is stopped; takes over anew when an executor turns out to have
    /// obeyed a greater epoch.
    private func lead(_ term: Term, _ cause: ControllerNumbers.Election) async throws {
        var (epoch, held, cause) = (term.epoch, nil as Epoch?, cause)
        defer { standBy(Self.leadsNoMore) }
        // Beside the take-over: where it is the others know already.
        async let _: Void = peers.tell(.leader, at: time().wall, under: term)
        while !inbox.isStopped, !Task.isCancelled {
            let turn = try await takeOver(as: epoch)
            numbers.elected(cause)
            events.begin(epoch, raisedFrom: held)
            audit.begin(epoch)
            var loop = LeaderLoop(turn: turn, under: term, controller: self, outboxes: outboxes)
            guard case .overtaken(let met) = try await loop.run() else { return await handDown(term) }
            closeInbox("this leader takes over anew", in: published.last?.state)
            (held, epoch) = (epoch, try await store.raiseEpoch(from: epoch, above: met))
            cause = .epochOvertaken
        }
    }

    private static let leadsNoMore = "this controller does not lead any more"

    /// What was told and noted last is read by whoever comes next, while this one still has its place.
    private func handDown(_ term: Term) async {
        guard leadership.isShared else { return }
        closeInbox(Self.leadsNoMore, in: published.last?.state)
        // proof: awaited here; a task of its own because this one is cancelled where the leadership was given up.
        await Task { await history.handDown(to: term.successor) }.value
    }

    /// Loads what the store holds; every earlier leader is fenced off by the epoch.
    private func takeOver(as epoch: Epoch) async throws -> Turn {
        guard let cluster = await cluster.wait() else { throw CancellationError() }
        let records = try await store.records()
        try Self.refuseHalfImport(records)
        let turn: Turn
        do {
            let engine = try Engine(
                cluster: cluster,
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
        try await vault.open(at: epoch)
        return turn
    }

    static func refuseHalfImport(_ records: [Record]) throws {
        guard !records.contains(where: { $0.key == RestoredState.marker }) else {
            throw ControllerError(description: "The stored state cannot be used: \(RestoredState.halfImported).")
        }
    }
}
