import ApusClient
import ApusModel
import ApusStore
import Logging
import Synchronization

/// What controllers ask each other of the past: events, and records of the audit log.
final class HistoryDesk: Sendable {
    /// Nobody waits longer for news.
    static let longestWait = Duration.seconds(2)
    /// A leader that makes way waits so long for those who follow it.
    private static let farewell = Duration.milliseconds(500)
    /// Whoever has not asked for so long follows no more.
    private static let absence = longestWait + .seconds(1)
    private static let mostReaders = 32

    /// One that asks for news, and up to where it has what there was.
    struct Reader: Hashable, Sendable {
        /// Its `host:port`.
        var name: String
        /// Of the events; `nil` if it wants none.
        var events: HistoryEnd?
        /// Of the audit log, as `AuditStore.changes` has it.
        var changes: Int64?
    }

    private let events: EventLog
    private let audit: AuditLog
    private let news: NewsBell
    private let logger: Logger
    /// Rung when somebody asks.
    private let questions = NewsBell()
    private let readers = Mutex<[String: (reader: Reader, at: ContinuousClock.Instant)]>([:])

    /// `news` is rung by both logs.
    init(_ events: EventLog, _ audit: AuditLog, news: NewsBell, logger: Logger) {
        (self.events, self.audit, self.news, self.logger) = (events, audit, news, logger)
    }

    /// What a reader lacks, as soon as there is something or its time is up; `nil` if too many wait already.
    ///
    /// Of events some at a time; of the audit log only what there is of each leadership, if anything came into it.
    ///
    /// - Throws: `StoreError` if the audit log cannot be read, `JSONError` if an event cannot, which would be a bug.
    func answer(_ reader: Reader, within span: Duration) async throws -> JSON? {
        take(reader)
        let hasLooked = await news.wait(for: min(span, Self.longestWait)) { [self] in lacks(reader) }
        guard hasLooked else { return nil }
        // Before what there is: so much of it is there at least.
        let changes = audit.store.changes
        let held = reader.changes == changes ? [] : try await audit.store.held()
        let notes = reader.events == nil ? try await audit.store.notes() : []
        let told = try reader.events.map { try events.lacking(behind: $0) }
        return .members([
            "changes": .integer(changes), "held": .array(held.map { .integer($0) }),
            "notes": .array(notes.map(\.json)), "events": told.map { .array($0.events.map(\.json)) },
            "end": told.flatMap { $0.end.isOver ? .string("\($0.end.position)") : nil },
        ])
    }

    /// Records of the audit log behind one sequence and up to another, or the first of them.
    ///
    /// - Throws: `StoreError` if it cannot be read.
    func records(after sequence: Int64, through end: Int64) async throws(StoreError) -> JSON {
        let stretch = try await audit.store.stretch(after: sequence, through: end)
        return .members(["records": .array(stretch.records.map(\.json)), "through": .integer(stretch.through)])
    }

    /// Nobody waits any more: the server ends.
    func dismiss() { news.dismiss() }

    private func lacks(_ reader: Reader) -> Bool {
        if reader.changes != audit.store.changes { return true }
        return reader.events.map { events.isNews(behind: $0) } ?? false
    }

    private func take(_ reader: Reader) {
        guard reader.events != nil else { return }
        let now = ContinuousClock.now
        readers.withLock { readers in
            readers = readers.filter { now - $0.value.at < Self.absence }
            guard readers.count < Self.mostReaders || readers[reader.name] != nil else { return }
            readers[reader.name] = (reader, now)
        }
        questions.ring()
    }

    // MARK: making way

    /// Returns when those who follow have all that there is, or that one of them which comes next; a second is not waited.
    func handDown(to successor: String?) async {
        guard !followers(successor).isEmpty else { return }
        do {
            try await withDeadline(Self.farewell, late: { CancellationError() }) { [self] in
                await audit.settle()
                let (end, changes) = (events.heard, audit.store.changes)
                _ = await questions.wait(for: Self.absence) { [self] in
                    followers(successor).allSatisfy { reader in
                        reader.events.map { $0 >= end } ?? true && reader.changes.map { $0 >= changes } ?? false
                    }
                }
            }
        } catch {
            logger.info("another controller has not read the last events, or audit records, before this one made way")
        }
    }

    private func followers(_ successor: String?) -> [Reader] {
        let now = ContinuousClock.now
        return readers.withLock { readers in
            readers.values.filter { now - $0.at < Self.absence && $0.reader.name == successor ?? $0.reader.name }
                .map(\.reader)
        }
    }
}
