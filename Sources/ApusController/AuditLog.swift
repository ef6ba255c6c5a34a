import ApusClient
package import ApusModel
package import ApusStore
package import Logging
import Synchronization

/// What bounds an `AuditLog`.
package struct AuditLimits: Hashable, Sendable {
    package var age: Duration = .seconds(90 * 86_400)
    package var records = 1_000_000
    /// Entries that may wait for the disk.
    package var waiting = 10_000
    /// How often is looked for what is too old, or too much.
    package var pruning: Duration = .seconds(60)

    package init() {}
}

/// Who changed what, and what the controller decided by itself: handed over in order, written by one task.
///
/// Whoever hands over never waits. When the disk does not keep up the oldest decisions are dropped, and an entry AUDIT_GAP
/// says how many.
package final class AuditLog: Sendable {
    /// Written at a time.
    private static let longestBatch = 500
    /// Decisions alone wait so long for more of them: each write has to reach the disk.
    private static let gathering = Duration.milliseconds(250)
    private static let pauseAfterFailure = Duration.seconds(1)
    /// A caller is answered then, written or not.
    private static let patience = Duration.seconds(2)
    private static let prunedAtATime = 1_000

    private struct State {
        var queue: AuditQueue
        var place: AuditPlace
        /// Why the last write failed; empty if it did not.
        var trouble = ""
        /// Those who wait until all up to a place is written.
        var callers: [Int: (upTo: Int64, signal: AsyncStream<Void>.Continuation)] = [:]
        var lastCaller = 0
        var denials = DenialMeter()
    }

    let store: AuditStore
    /// Wakes other controllers.
    private let news: NewsBell
    private let limits: AuditLimits
    /// Age and number as they are now; `nil` if they do not change.
    private let keeping: (@Sendable () -> Keeping)?
    private let host: String
    private let time: TimeSource
    private let logger: Logger
    private let state: Mutex<State>
    /// Rung when something is to be written; only `run` iterates it, once.
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// `host` is how this controller names itself; `keeping` says how long is kept, where that changes; `place` is whose
    /// sequences it gives at first.
    package init(
        _ store: AuditStore,
        as place: AuditPlace = .alone,
        news: NewsBell = NewsBell(),
        limits: AuditLimits,
        keeping: (@Sendable () -> Keeping)? = nil,
        host: String,
        time: TimeSource,
        logger: Logger
    ) {
        self.store = store
        self.news = news
        self.limits = limits
        self.keeping = keeping
        self.host = host
        self.time = time
        self.logger = logger
        state = Mutex(State(queue: AuditQueue(mostWaiting: limits.waiting), place: place))
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Why nothing can be written; `nil` if all is well.
    package var trouble: String? { state.withLock { $0.trouble.isEmpty ? nil : $0.trouble } }

    /// What is asked for, the newest first.
    ///
    /// - Throws: `StoreError` if it cannot be read.
    package func page(_ query: AuditQuery) async throws(StoreError) -> AuditPage { try await store.page(query) }

    // MARK: among controllers

    /// The epoch under which this controller leads; `nil` if it does not, or is alone.
    var epoch: Epoch? { state.withLock { if case .leading(let epoch) = $0.place { epoch } else { nil } } }

    /// What is written from now on is of that leadership.
    func begin(_ epoch: Epoch) {
        state.withLock { state in
            if state.place != .alone { state.place = .leading(epoch) }
        }
    }

    /// The leadership is over: what is noted from now on waits for the next leader.
    func end() {
        state.withLock { state in
            if case .leading(let epoch) = state.place { state.place = .standingBy(after: epoch) }
        }
    }

    /// Takes what other controllers have noted; what no leader has taken yet into this one's leadership.
    ///
    /// - Throws: `StoreError` if it cannot be written.
    func keep(_ records: [AuditRecord]) async throws(StoreError) {
        guard !records.isEmpty else { return }
        try await store.keep(records, in: epoch)
        news.ring()
    }

    // MARK: handing over

    /// Takes what has happened, in order.
    package func append(_ entries: [AuditEntry]) {
        guard !entries.isEmpty else { return }
        let now = time().now
        state.withLock { state in
            for entry in entries {
                // A container may ask in vain as often as it likes: that is to push out nothing either.
                let isVain = entry.outcome == .refused && entry.actor.kind == .instance
                guard let entry = isVain ? state.denials.take(entry, at: now) : entry else { continue }
                state.queue.take(entry)
            }
        }
        if entries.contains(where: \.isAskedFor) { bell.yield() }
    }

    /// Notes that somebody was turned away, as often as `DenialMeter` lets that be told.
    package func deny(_ entry: AuditEntry) {
        let now = time().now
        state.withLock { state in
            guard let entry = state.denials.take(entry, at: now) else { return }
            state.queue.take(entry)
        }
    }

    /// Returns when all that was handed over is written, or after two seconds; at once while nothing can be written.
    package func settle() async {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let caller: Int? = state.withLock { state in
            guard state.queue.settled < state.queue.handed, state.trouble.isEmpty else { return nil }
            state.lastCaller += 1
            state.callers[state.lastCaller] = (state.queue.handed, signal)
            return state.lastCaller
        }
        guard let caller else { return }
        bell.yield()
        do {
            try await withDeadline(Self.patience, late: { CancellationError() }) { for await _ in signals {} }
        } catch {
            // What was asked for is done all the same.
            logger.debug("answered before the audit log was written")
        }
        state.withLock { $0.callers[caller] = nil }
    }

    // MARK: writing

    /// Writes what is handed over until it is cancelled; `now` is the time by which age is counted, if that is known.
    func run(age now: @escaping @Sendable () -> WallTime?) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in self.rings where await !self.write() {
                    // Whoever rings meanwhile is heard after that.
                    do { try await Task.sleep(for: Self.pauseAfterFailure) } catch { break }
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    do { try await Task.sleep(for: Self.gathering) } catch { break }
                    self.tellDenials(at: self.time().now)
                    if self.isBehind { self.bell.yield() }
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    do { try await Task.sleep(for: self.limits.pruning) } catch { break }
                    await self.prune(at: now())
                }
            }
        }
    }

    /// Writes what is left, whether the caller is cancelled or not; call it after `run`.
    package func finish() async {
        // None is held back any more.
        tellDenials(at: time().now + DenialMeter.hour)
        // proof: awaited here; a task of its own because the database refuses the work of a cancelled one.
        let isWritten = await Task { await self.write() }.value
        guard !isWritten else { return }
        logger.error(
            "the last entries of the audit log are lost: it could not be written",
            metadata: ["entries": "\(state.withLock { $0.queue.lacking })"]
        )
    }

    private var isBehind: Bool { state.withLock { $0.queue.isBehind } }

    private func tellDenials(at now: Moment) {
        state.withLock { state in
            for entry in state.denials.due(at: now) { state.queue.take(entry) }
            guard let leftOut = state.denials.leftOut(at: now) else { return }
            state.queue.take(note(of: leftOut))
        }
    }

    private func note(of leftOut: DenialMeter.LeftOut) -> AuditEntry {
        var entry = note("DENIALS_LEFT_OUT", in: leftOut.last.epoch)
        let source = leftOut.last.actor.source.map { ", the last from \($0)" } ?? ""
        entry.cause = "\(leftOut.count) more were denied than an hour has room for\(source)"
        entry.detail = AuditDetail(.members(["leftOut": .integer(leftOut.count)]))
        return entry
    }

    /// What the log says of itself.
    private func note(_ action: String, in epoch: Epoch) -> AuditEntry {
        let actor = AuditActor(.controller, host)
        return AuditEntry(at: time().wall, in: epoch, actor, action, AuditSubject(.cluster, host), .done)
    }

    /// - Returns: `false` if it could not be written.
    private func write() async -> Bool {
        while isBehind {
            do throws(StoreError) {
                try await writeBatch()
            } catch {
                state.withLock { $0.queue.failed() }
                // The database ends the work of whoever is cancelled.
                if !Task.isCancelled { fail(error) }
                return false
            }
        }
        return true
    }

    private func writeBatch() async throws(StoreError) {
        let (begun, place) = state.withLock { ($0.queue.begin(atMost: Self.longestBatch), $0.place) }
        let (batch, missing) = begun
        let gap = missing > 0 ? [self.gap(of: missing, before: batch.first)] : []
        _ = try await store.append(gap + batch, as: place)
        news.ring()
        let (signals, wasTroubled) = state.withLock { state in
            state.queue.written()
            let done = state.callers.filter { $0.value.upTo <= state.queue.settled }
            for caller in done.keys { state.callers[caller] = nil }
            defer { state.trouble = "" }
            return (done.values.map(\.signal), !state.trouble.isEmpty)
        }
        if wasTroubled { logger.info("the audit log is written again") }
        for signal in signals { signal.finish() }
    }

    private func gap(of missing: Int64, before next: AuditEntry?) -> AuditEntry {
        var entry = note("AUDIT_GAP", in: next?.epoch ?? 0)
        entry.cause = "\(missing) entries are missing here: the disk of the audit log did not keep up"
        entry.detail = AuditDetail(.members(["missing": .integer(missing)]))
        return entry
    }

    private func fail(_ error: StoreError) {
        let (isNews, signals) = state.withLock { state in
            defer { state.trouble = "\(error)" }
            return (state.trouble.isEmpty, state.callers.values.map(\.signal))
        }
        if isNews {
            logger.error(
                "the audit log cannot be written: changes go on, and what will be missing is said there later",
                metadata: ["error": "\(error)"]
            )
        }
        for signal in signals { signal.finish() }
    }

    // MARK: retention

    private func prune(at now: WallTime?) async {
        let limits = keeping?().audit ?? limits
        let oldest = now.map { WallTime(milliseconds: $0.milliseconds &- limits.age.milliseconds) }
        var removed = Self.prunedAtATime
        while removed == Self.prunedAtATime, !Task.isCancelled {
            do throws(StoreError) {
                removed = try await store.prune(
                    before: oldest ?? WallTime(milliseconds: .min),
                    keeping: limits.records,
                    atMost: Self.prunedAtATime
                )
            } catch {
                guard !Task.isCancelled else { return }
                logger.warning("the audit log keeps what is too old", metadata: ["error": "\(error)"])
                return
            }
        }
    }
}
