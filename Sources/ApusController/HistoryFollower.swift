import ApusClient
import ApusModel
import ApusStore
import Logging
import Synchronization

/// Takes over what other controllers know of the past: one that stands by all that the leader tells, the leader what the
/// others have noted and it lacks.
struct HistoryFollower: Sendable {
    /// A leader looks so often what the others have; nothing of it is urgent.
    private static let interval = Duration.seconds(2)
    /// Before the leader is asked again that has answered: what comes in a burst comes together.
    private static let breath = Duration.milliseconds(10)
    /// Before one is asked again that did not answer, or it is looked again who leads.
    private static let pause = Duration.milliseconds(200)
    /// More is asked for after the next news.
    private static let mostPages = 20

    /// What another controller answered that was asked for news.
    private struct News {
        var changes: Int64
        var held: [Int64]
        var notes: [AuditRecord]
        var events: [ToldEvent]
        /// Where the last leadership ended, if it has.
        var end: EventPosition?

        init(json: JSON) throws(JSONError) {
            changes = try json.integer("changes")
            held = try json.integers("held").map(Int64.init)
            notes = try json.array("notes").map { json throws(JSONError) in try AuditRecord(json: json) }
            events = try (json["events"] == nil ? [] : json.array("events"))
                .map { json throws(JSONError) in try ToldEvent(json: json) }
            end = try json["end"].map { json throws(JSONError) in try EventPosition(json: json) }
        }
    }

    /// What is known of another controller.
    private struct Acquaintance {
        /// What it had of the audit log when all of that was taken.
        var changes: Int64?
        /// Why it could not be asked since it could be last: people are told once of each kind.
        var troubles: Set<Trouble> = []
        /// It is left alone until then.
        var rests: ContinuousClock.Instant?
    }

    /// A kind of failure, however it is put.
    private enum Trouble: Hashable {
        case status(Int)
        case unreachable
        case untrusted
        case other

        init(_ error: any Error) {
            switch (error as? ClientError)?.code {
            case .status(let status, _)?: self = .status(status)
            case .unreachable?, .leaderless?, .timedOut?: self = .unreachable
            case .untrusted?: self = .untrusted
            case .refused?, .notFound?, .unreadable?, nil: self = .other
            }
        }

        /// How long whoever answers so, after `others`, is left alone: where people have to mend it, and wrong proofs are
        /// counted; `nil` if it may be over at once, as where too much is asked at a time.
        func rest(after others: Set<Trouble>) -> Duration? {
            switch self {
            case .status(401), .status(403), .untrusted: .seconds(10)
            case .status(429): others.contains(.status(401)) ? .seconds(30) : nil
            case .status, .unreachable, .other: nil
            }
        }
    }

    private let id: String
    private let events: EventLog
    private let audit: AuditLog
    private let peers: Peers
    private let lag: HistoryLag
    private let ask: Controller.AskHistory
    private let logger: Logger
    private var known: [String: Acquaintance] = [:]
    /// Up to where something of each leadership was taken; what is too old here is not asked for twice.
    private var taken: [Epoch: Int64] = [:]

    /// `id` is that of this controller.
    init(
        _ id: String,
        _ events: EventLog,
        _ audit: AuditLog,
        _ peers: Peers,
        _ lag: HistoryLag,
        logger: Logger,
        ask: @escaping Controller.AskHistory
    ) {
        (self.id, self.events, self.audit, self.peers, self.lag) = (id, events, audit, peers, lag)
        (self.logger, self.ask) = (logger, ask)
    }

    /// Follows until it is cancelled.
    mutating func run() async {
        while !Task.isCancelled {
            let pause = await look()
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: pause)
        }
    }

    /// - Returns: how long to wait before the next look.
    private mutating func look() async -> Duration {
        if let epoch = audit.epoch {
            lag.ends()
            for url in await others() where audit.epoch == epoch { _ = await follow(url, leadingIn: epoch) }
            return Self.interval
        }
        guard let url = peers.leaderURL else {
            lag.ends()
            return Self.pause
        }
        return await follow(url, leadingIn: nil) ? Self.breath : Self.pause
    }

    private func others() async -> [String] {
        do throws(StoreError) {
            return try await peers.all().filter { $0.isPresent && $0.id != id }.compactMap { Peers.card(of: $0)?.url }
        } catch {
            // The store's trouble is told elsewhere.
            return []
        }
    }

    /// - Returns: `false` if that one did not answer.
    private mutating func follow(_ url: String, leadingIn epoch: Epoch?) async -> Bool {
        if let rests = known[url]?.rests, ContinuousClock.now < rests { return false }
        do {
            try await exchange(with: url, leadingIn: epoch)
            known[url]?.troubles = []
            known[url]?.rests = nil
            if epoch == nil { lag.ends() }
            return true
        } catch {
            take(Trouble(error), error, of: url, leadingIn: epoch)
            return false
        }
    }

    private mutating func take(_ trouble: Trouble, _ error: any Error, of url: String, leadingIn epoch: Epoch?) {
        guard !Task.isCancelled else { return }
        // One of an earlier version is in order; of one that stands by its own `/healthcheck` tells.
        if trouble == .status(404) { lag.ends() } else if epoch == nil { lag.lasts(for: "\(error)") }
        known[url, default: Acquaintance()].rests = trouble.rest(after: known[url]?.troubles ?? []).map { .now + $0 }
        // One that has just been started does not know yet who may ask.
        guard !"\(error)".contains("not the leader controller") else { return }
        if known[url]?.troubles.insert(trouble).inserted == true { tell(trouble, error, of: url) }
    }

    private func tell(_ trouble: Trouble, _ error: any Error, of url: String) {
        if trouble == .status(404) {
            logger.info(
                "a controller of an earlier version hands out no history: events and audit begin anew behind it",
                metadata: ["controller": "\(url)"]
            )
        } else {
            logger.warning(
                "a controller's events and audit records could not be taken over; trying again",
                metadata: ["controller": "\(url)", "error": "\(error)"]
            )
        }
    }

    // MARK: one exchange

    private mutating func exchange(with url: String, leadingIn epoch: Epoch?) async throws {
        let news = try News(json: try await ask("", question(to: url, isLeading: epoch != nil), url))
        if epoch == nil {
            let end = news.end.map { HistoryEnd(position: $0, isOver: true) }
            try events.take(news.events, end)
        } else {
            try await audit.keep(news.notes)
        }
        // A leader leaves out what is of a leadership after its own, so it has not all that there was.
        if try await takeRecords(news.held, below: epoch, from: url), epoch == nil {
            known[url, default: Acquaintance()].changes = news.changes
        }
    }

    private func question(to url: String, isLeading: Bool) -> [(name: String, value: String)] {
        var question = [(name: "reader", value: id)]
        guard !isLeading else { return question }
        if let changes = known[url]?.changes { question.append((name: "changes", value: "\(changes)")) }
        let end = events.heard
        return question + [
            (name: "events", value: "\(end.position)"), (name: "over", value: "\(end.isOver)"),
            (name: "wait", value: "\(HistoryDesk.longestWait.milliseconds)"),
        ]
    }

    /// Of each leadership what this controller lacks; of its own a leader lacks nothing.
    ///
    /// - Returns: `false` if there is more of it.
    private mutating func takeRecords(_ held: [Int64], below limit: Epoch?, from url: String) async throws -> Bool {
        guard !held.isEmpty else { return true }
        var pages = 0
        let own = Dictionary(try await audit.store.held().map { (AuditSequence.epoch(of: $0), $0) }) { max($0, $1) }
        for last in held.sorted() {
            let epoch = AuditSequence.epoch(of: last)
            guard epoch > 0, limit.map({ epoch < $0 }) ?? true else { continue }
            var had = max(own[epoch] ?? 0, taken[epoch] ?? 0, AuditSequence.begin(of: last))
            while had < last {
                guard pages < Self.mostPages else { return false }
                had = try await page(after: had, through: last, from: url)
                taken[epoch] = had
                pages += 1
            }
        }
        return true
    }

    /// - Returns: up to where it went.
    private func page(after had: Int64, through last: Int64, from url: String) async throws -> Int64 {
        let json = try await ask(
            "/audit",
            [(name: "after", value: "\(had)"), (name: "through", value: "\(last)")],
            url
        )
        let through = try json.integer("through")
        let records = try json.array("records").map { json throws(JSONError) in try AuditRecord(json: json) }
        let isSound = records.allSatisfy { $0.sequence.map { had < $0 && $0 <= through } ?? false }
        guard isSound, had < through, through <= last else {
            throw ClientError(.unreadable, "\(url) answered with other records of the audit log than were asked for")
        }
        try await audit.keep(records)
        return through
    }
}
