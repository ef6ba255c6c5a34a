package import ApusModel

/// The place of an event among all; `<epoch>-<sequence>` is its id on a stream.
package struct EventPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var epoch: Epoch
    /// From 1 on in each epoch.
    package var sequence: Int64

    package init(epoch: Epoch, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Reads the form of `description`; `nil` if it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Epoch(parts[0]), let sequence = Int64(parts[1]) else { return nil }
        self.init(epoch: epoch, sequence: sequence)
    }

    package var description: String { "\(epoch)-\(sequence)" }

    /// Leaders follow each other.
    package static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }

    /// In front of it.
    var before: EventPosition { EventPosition(epoch: epoch, sequence: sequence - 1) }

    /// Says that the stream is still there, and where to go on after it breaks.
    var sign: [UInt8] { Array(": still here\nid: \(self)\n\n".utf8) }
}

/// Events that a listener wants and that are not held any more.
struct EventGap: Sendable {
    /// The last that it has had; `nil` if it began with a time.
    var after: EventPosition?
    /// The first that it gets, whether that has happened yet or not.
    var before: EventPosition

    /// How many there were; `nil` if nobody knows.
    private var missing: Int64? {
        guard let after, after.epoch == before.epoch, after.sequence < before.sequence else { return nil }
        return before.sequence - after.sequence - 1
    }

    /// Whoever goes on behind this is not told again.
    var frame: [UInt8] {
        let data: JSON = .members([
            "after": after.map { .string("\($0)") }, "before": .string("\(before)"),
            "missing": missing.map { .integer($0) },
        ])
        return Array("id: \(before.before)\nevent: gap\ndata: \(data.serialized)\n\n".utf8)
    }
}
