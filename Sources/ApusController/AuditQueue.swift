package import ApusModel
import DequeModule

/// Entries of the audit log that wait for the disk, in order and bounded.
package struct AuditQueue: Sendable {
    private struct Waiting {
        var entry: AuditEntry
        /// Its place among all that were ever handed over.
        var number: Int64
    }

    private let mostWaiting: Int
    private var waiting: Deque<Waiting> = []
    /// How many of those that wait nobody asked for.
    private var decisions = 0
    private var underWay: [Waiting] = []
    private var droppedUnderWay: Int64 = 0
    /// How many were dropped that no entry tells of yet.
    package private(set) var dropped: Int64 = 0
    /// How many were ever handed over.
    package private(set) var handed: Int64 = 0
    /// All up to this one are written, or dropped.
    package private(set) var settled: Int64 = 0

    /// How many the log would lack if nothing more were written.
    package var lacking: Int64 { Int64(waiting.count) + dropped }

    package init(mostWaiting: Int) { self.mostWaiting = mostWaiting }

    /// Something is to be written.
    package var isBehind: Bool { !waiting.isEmpty || dropped > 0 }

    /// Adds the last in the line.
    ///
    /// Where there is no room the oldest decision goes, and what was asked for only if there
    /// is none.
    package mutating func take(_ entry: AuditEntry) {
        handed += 1
        guard waiting.count < mostWaiting || makeRoom(for: entry) else { return }
        waiting.append(Waiting(entry: entry, number: handed))
        if !entry.isAskedFor { decisions += 1 }
    }

    /// One goes that waits; false if it is the new one that goes, since all others were asked for.
    private mutating func makeRoom(for entry: AuditEntry) -> Bool {
        dropped += 1
        guard decisions > 0 else {
            // Not looked for: a full disk may last, and whoever decides must not wait for a walk along the line.
            guard entry.isAskedFor else { return false }
            waiting.removeFirst()
            return true
        }
        decisions -= 1
        waiting.remove(at: waiting.firstIndex { !$0.entry.isAskedFor } ?? waiting.startIndex)
        return true
    }

    /// The next to be written, and how many are missing before them; then call `written` or `failed`.
    package mutating func begin(atMost most: Int) -> (entries: [AuditEntry], missing: Int64) {
        underWay = Array(waiting.prefix(most))
        waiting.removeFirst(underWay.count)
        decisions -= underWay.count { !$0.entry.isAskedFor }
        (droppedUnderWay, dropped) = (dropped, 0)
        return (underWay.map(\.entry), droppedUnderWay)
    }

    package mutating func written() {
        settled = waiting.isEmpty ? handed : underWay.last?.number ?? settled
        (underWay, droppedUnderWay) = ([], 0)
    }

    /// They come first again.
    package mutating func failed() {
        waiting.prepend(contentsOf: underWay)
        decisions += underWay.count { !$0.entry.isAskedFor }
        dropped += droppedUnderWay
        (underWay, droppedUnderWay) = ([], 0)
    }
}

extension AuditEntry {
    /// Somebody changed something, or tried to.
    var isAskedFor: Bool { [.accepted, .refused, .inDoubt].contains(outcome) }
}
