import ApusModel
import HeapModule

/// What happens when, on the virtual clock: the earliest first, of equal times the one that was added first.
struct Agenda<Event: Sendable>: Sendable {
    private struct Entry: Comparable {
        let due: Moment
        let order: UInt64
        let event: Event

        static func < (left: Self, right: Self) -> Bool { (left.due, left.order) < (right.due, right.order) }
        static func == (left: Self, right: Self) -> Bool { left.order == right.order }
    }

    private var entries: Heap<Entry> = []
    private var order: UInt64 = 0
    /// The time of the event that was taken last.
    private(set) var now = Moment.zero

    mutating func add(_ event: Event, after delay: Duration) {
        add(event, at: now + max(.zero, delay))
    }

    mutating func add(_ event: Event, at due: Moment) {
        order += 1
        entries.insert(Entry(due: max(now, due), order: order, event: event))
    }

    mutating func next() -> Event? {
        guard let entry = entries.popMin() else { return nil }
        now = entry.due
        return entry.event
    }
}
