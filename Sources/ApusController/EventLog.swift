package import ApusModel
import Synchronization

/// What bounds an `EventLog`.
package struct EventLimits: Sendable {
    /// As long as Drove keeps them.
    package var age: Duration = .seconds(3_600)
    package var count = 100_000
    package var bytes = 48 << 20
    package var listeners = 2_000
    /// A listener that there is nothing for hears so often that the stream is still there.
    package var keepAlive: Duration = .seconds(15)

    package init() {}
}

/// The events of this controller's leadership and of those before it, as far as they were heard, in memory: it is asked by
/// time, and followed by place.
///
/// Whoever follows reads from here at its own pace. So nobody waits for a listener, and one that falls behind what is
/// held is told of the gap. A controller that does not lead takes what the leader tells, to go on with it when it leads.
package final class EventLog: Sendable {
    /// Where a listener begins.
    enum Start: Sendable {
        case now
        /// It has had that event and all before it.
        case behind(EventPosition)
        /// With what is later than that, in milliseconds of 1970.
        case since(Int64)
    }

    private struct State {
        var history: EventHistory
        var isLeading = false
        /// The server ends: nobody may follow any more.
        var isOver = false
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var lastListener = 0
    }

    let limits: EventLimits
    private let time: TimeSource
    private let state: Mutex<State>
    /// Wakes other controllers.
    private let news: NewsBell
    /// Rung when something came; only `run` iterates it, once.
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// Ids are drawn from the seed.
    package init(seed: UInt64, time: TimeSource, limits: EventLimits = EventLimits(), news: NewsBell = NewsBell()) {
        self.limits = limits
        self.news = news
        self.time = time
        state = Mutex(State(history: EventHistory(seed: seed)))
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: for the leader

    /// A leadership begins, or its epoch was raised.
    package func begin(_ epoch: Epoch, raisedFrom held: Epoch? = nil) {
        let wall = time().wall
        state.withLock { state in
            state.history.begin(epoch, raisedFrom: held, at: wall)
            state.isLeading = true
        }
    }

    /// Takes what has happened, in order.
    package func append(_ events: [ClusterEvent]) {
        let times = time()
        // Each by itself: readers need not wait for all of many.
        for event in events {
            state.withLock { state in
                state.history.append(event, at: times)
                state.history.trim(to: limits, at: times.now)
            }
        }
        bell.yield()
        news.ring()
    }

    /// The leadership is over: who follows gets what is there, and then the end.
    package func end() {
        state.withLock { state in
            state.isLeading = false
            state.history.end()
        }
        ring()
        news.ring()
    }

    /// Wakes those who follow, so that the leader's loop need not; until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await _ in self.rings { self.ring() } }
            group.addTask {
                // Time passes for those who follow.
                while !Task.isCancelled {
                    do { try await Task.sleep(for: self.limits.keepAlive / 3) } catch { break }
                    self.ring()
                }
            }
        }
    }

    private func ring() {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield() }
    }

    // MARK: among controllers

    /// Up to where this controller knows what was told.
    var heard: HistoryEnd { state.withLock(\.history.heard) }

    /// Whether another controller lacks something that knows all up to a place.
    func isNews(behind end: HistoryEnd) -> Bool { state.withLock { $0.history.isNews(behind: end) } }

    /// Some of what another controller lacks that knows all up to a place, and up to where this one knows it.
    ///
    /// - Throws: if one cannot be read back, which would be a bug.
    func lacking(behind end: HistoryEnd) throws(JSONError) -> (events: [ToldEvent], end: HistoryEnd) {
        let now = time().now
        let (entries, known) = state.withLock { ($0.history.lacking(behind: end), $0.history.heard) }
        var events: [ToldEvent] = []
        for entry in entries { events.append(try ToldEvent(entry, at: now)) }
        return (events, known)
    }

    /// Takes what another controller tells that leads; nothing while this one does.
    ///
    /// - Throws: if it is not what it must be.
    func take(_ events: [ToldEvent], _ end: HistoryEnd?) throws(JSONError) {
        let now = time().now
        var entries: [(place: EventPosition, entry: EventHistory.Entry?)] = []
        for event in events { entries.append((event.position, try event.entry(at: now))) }
        state.withLock { [entries] state in
            guard !state.isLeading else { return }
            for (place, entry) in entries {
                if let entry { state.history.take(entry) } else { state.history.pass(place) }
            }
            if let end { state.history.take(end) }
            state.history.trim(to: limits, at: now)
        }
    }

    // MARK: by time

    /// Those later than that, in milliseconds of 1970, the newest first; and the time to ask with next: that of the
    /// newest there is, but none that the clock has not come to, or the given one if there is none.
    ///
    /// A leader that is killed in a burst, whose times run ahead of the clock, has told nobody to ask from a time that the
    /// next leader's events are not later than.
    ///
    /// - Throws: if one cannot be read back, which would be a bug.
    package func latest(after since: Int64, atMost size: Int) throws(JSONError) -> (events: [JSON], next: Int64) {
        let times = time()
        let (found, next) = state.withLock { state in
            state.history.trim(to: limits, at: times.now)
            let entries = state.history.entries(after: since).suffix(size)
            return (Array(entries), state.history.newest.map { min($0, times.wall.milliseconds) } ?? since)
        }
        var events: [JSON] = []
        for entry in found.reversed() { events.append(try entry.json()) }
        return (events, next)
    }

    /// How many of each type are later than that; and the time to ask with next, as `latest` has it.
    package func counts(after since: Int64) -> (counts: [ClusterEvent.Kind: Int], next: Int64) {
        let times = time()
        return state.withLock { state in
            state.history.trim(to: limits, at: times.now)
            var counts: [ClusterEvent.Kind: Int] = [:]
            for entry in state.history.entries(after: since) { counts[entry.kind, default: 0] += 1 }
            return (counts, state.history.newest.map { min($0, times.wall.milliseconds) } ?? since)
        }
    }

    // MARK: by place

    /// How many follow.
    package var listeners: Int { state.withLock { $0.listeners.count } }

    /// Has somebody follow; `nil` if too many do.
    func listen(from start: Start) -> EventListener? {
        let (nudges, nudging) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let now = time().now
        let number: Int? = state.withLock { state in
            guard state.listeners.count < limits.listeners else { return nil }
            state.lastListener += 1
            state.listeners[state.lastListener] = nudging
            if state.isOver { nudging.finish() }
            return state.lastListener
        }
        guard let number else { return nil }
        let (position, gap) = state.withLock { state in
            state.history.trim(to: limits, at: now)
            return state.history.place(of: start)
        }
        return EventListener(number, of: self, nudges, position: position, gap: gap)
    }

    fileprivate func leave(_ number: Int) { state.withLock { $0.listeners[number] = nil } }

    /// What follows a position, and whether more may come.
    func stretch(
        after position: inout EventPosition,
        of kinds: Set<ClusterEvent.Kind>
    ) -> (stretch: EventHistory.Stretch, isLeading: Bool) {
        let now = time().now
        return state.withLock { state in
            state.history.trim(to: limits, at: now)
            return (state.history.stretch(after: &position, of: kinds), state.isLeading)
        }
    }

    /// Ends all streams, for good.
    func dismiss() {
        let listeners = state.withLock { state in
            state.isOver = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}

/// One who follows the events; others may when nobody holds it any more.
final class EventListener: Sendable {
    let log: EventLog
    /// Where it began, and what was missing there.
    let position: EventPosition
    let gap: EventGap?
    /// Something may have come; ends when nothing will.
    let nudges: AsyncStream<Void>
    private let number: Int

    fileprivate init(
        _ number: Int,
        of log: EventLog,
        _ nudges: AsyncStream<Void>,
        position: EventPosition,
        gap: EventGap?
    ) {
        self.number = number
        self.log = log
        self.nudges = nudges
        self.position = position
        self.gap = gap
    }

    deinit { log.leave(number) }
}
