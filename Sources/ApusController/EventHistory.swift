import ApusModel
import DequeModule

/// The events of one leadership that are still held, each written once for all who read it.
///
/// Times are in milliseconds of 1970 and strictly increasing, also over the leaderships of a process.
struct EventHistory: Sendable {
    /// So many are looked at for one piece of a stream, and so long a piece is full.
    private static let longestLook = 1_000
    private static let fullPiece = 64 << 10

    struct Entry: Sendable {
        let kind: ClusterEvent.Kind
        let time: Int64
        let recorded: Moment
        /// As it stands in a stream.
        let frame: [UInt8]
        /// Where its JSON begins in that.
        let start: Int

        func json() throws(JSONError) -> JSON { try JSON(parsing: frame[start..<(frame.count - 2)]) }
    }

    /// What follows a position.
    struct Stretch: Sendable {
        var gap: EventGap?
        var frames: [[UInt8]] = []
        /// There is more to look at.
        var goesOn = false
    }

    private var entries: Deque<Entry> = []
    private var epoch: Epoch = 0
    /// The sequence of the first entry.
    private var first: Int64 = 1
    private var bytes = 0
    /// That of the last event that there ever was.
    private var lastTime: Int64 = 0
    /// Events up to this time are not held, or never were.
    private var missedUpTo: Int64 = 0
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// What was told before is no longer held: nobody saw what happened in between.
    mutating func begin(_ epoch: Epoch, at wall: WallTime) {
        self.epoch = epoch
        entries = []
        (first, bytes) = (1, 0)
        lastTime = max(lastTime, wall.milliseconds - 1)
        missedUpTo = lastTime
    }

    mutating func append(_ event: ClusterEvent, at times: Times) {
        lastTime = max(lastTime + 1, times.wall.milliseconds)
        let json: JSON = .members([
            "metadata": event.metadata, "type": .string(event.kind.rawValue), "id": .string(random.uuid()),
            "time": .integer(lastTime),
        ])
        let id = EventPosition(epoch: epoch, sequence: last + 1)
        let head = Array("id: \(id)\nevent: \(event.kind.rawValue)\ndata: ".utf8)
        let frame = head + json.bytes + Array("\n\n".utf8)
        entries.append(
            Entry(kind: event.kind, time: lastTime, recorded: times.now, frame: frame, start: head.count)
        )
        bytes += frame.count
    }

    /// Drops the oldest beyond the limits.
    mutating func trim(to limits: EventLimits, at now: Moment) {
        while let oldest = entries.first,
            entries.count > limits.count || bytes > limits.bytes || now - oldest.recorded >= limits.age
        {
            entries.removeFirst()
            first += 1
            bytes -= oldest.frame.count
            missedUpTo = oldest.time
        }
    }

    /// The sequence of the newest.
    private var last: Int64 { first + Int64(entries.count) - 1 }

    // MARK: by time

    /// The time of the newest; `nil` if there is none.
    var newest: Int64? { entries.last?.time }

    /// Those of a later time, the oldest first.
    func entries(after time: Int64) -> some RandomAccessCollection<Entry> { entries[index(after: time)...] }

    private func index(after time: Int64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].time > time { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: by place

    /// Where a listener begins.
    func place(of start: EventLog.Start) -> (position: EventPosition, gap: EventGap?) {
        switch start {
        case .now: return (EventPosition(epoch: epoch, sequence: last), nil)
        case .behind(let position): return (position, nil)
        case .since(let time):
            let position = EventPosition(epoch: epoch, sequence: first + Int64(index(after: time)) - 1)
            let held = EventPosition(epoch: epoch, sequence: first)
            return (position, time < missedUpTo ? EventGap(after: nil, before: held) : nil)
        }
    }

    /// What follows a position, which goes on to the end of that; of all kinds if none are named.
    func stretch(after position: inout EventPosition, of kinds: Set<ClusterEvent.Kind>) -> Stretch {
        var stretch = Stretch()
        if position.epoch != epoch || position.sequence < first - 1 || position.sequence > last {
            stretch.gap = EventGap(after: position, before: EventPosition(epoch: epoch, sequence: first))
            position = EventPosition(epoch: epoch, sequence: first - 1)
        }
        var index = Int(position.sequence - (first - 1))
        let end = min(index + Self.longestLook, entries.count)
        var length = 0
        while index < end, length < Self.fullPiece {
            let entry = entries[index]
            index += 1
            guard kinds.isEmpty || kinds.contains(entry.kind) else { continue }
            stretch.frames.append(entry.frame)
            length += entry.frame.count
        }
        position.sequence = first - 1 + Int64(index)
        stretch.goesOn = index < entries.count
        return stretch
    }
}
