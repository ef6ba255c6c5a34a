import ApusModel
import DequeModule

/// The events that are still held, of this controller's leaderships and of others', each written once for all who read it.
///
/// Times are in milliseconds of 1970 and strictly increasing, over all of them.
struct EventHistory: Sendable {
    /// So many are looked at for one piece of a stream, and so long a piece is full.
    private static let longestLook = 1_000
    private static let fullPiece = 64 << 10
    /// Handed to another controller at a time.
    private static let mostHanded = 500
    private static let fullHanding = 256 << 10

    struct Entry: Sendable {
        let position: EventPosition
        /// The last of the leadership before, if this is the first of one and it is known that there was none between.
        let previous: EventPosition?
        let kind: ClusterEvent.Kind
        let time: Int64
        let recorded: Moment
        /// As it stands in a stream.
        let frame: [UInt8]
        /// Where its JSON begins in that.
        let start: Int

        init(
            _ kind: ClusterEvent.Kind,
            at position: EventPosition,
            behind previous: EventPosition?,
            _ time: Int64,
            recorded: Moment,
            _ json: JSON
        ) {
            let head = Array("id: \(position)\nevent: \(kind.rawValue)\ndata: ".utf8)
            (self.kind, self.position, self.previous) = (kind, position, previous)
            (self.time, self.recorded) = (time, recorded)
            frame = head + json.bytes + Array("\n\n".utf8)
            start = head.count
        }

        func json() throws(JSONError) -> JSON { try JSON(parsing: frame[start..<(frame.count - 2)]) }

        /// Whether nothing was told in between.
        func comesBehind(_ other: EventPosition) -> Bool {
            other == previous || other.epoch == position.epoch && other.sequence == position.sequence - 1
        }
    }

    /// What follows a position.
    struct Stretch: Sendable {
        /// Events, and the gaps between them.
        var frames: [[UInt8]] = []
        /// There is more to look at.
        var goesOn = false
    }

    private var entries: Deque<Entry> = []
    private var bytes = 0
    /// The place of the last there ever was, or in front of the first of a leadership.
    private var last = EventPosition(epoch: 0, sequence: 0)
    /// Nothing comes behind `last` in its leadership.
    private var isOver = false
    /// What is directly before this leadership's first, if that is known.
    private var previous: EventPosition?
    /// That of the last event that there ever was.
    private var lastTime: Int64 = 0
    /// Events up to this time are not held, or never were.
    private var missedUpTo: Int64 = 0
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// A leadership begins: a new one, or one whose leader has raised its epoch.
    mutating func begin(_ epoch: Epoch, raisedFrom held: Epoch?, at wall: WallTime) {
        let isNext = last.epoch == epoch - 1 || last.epoch == held
        previous = isOver && isNext ? last : nil
        (last, isOver) = (EventPosition(epoch: epoch, sequence: 0), false)
        lastTime = max(lastTime, wall.milliseconds - 1)
        if entries.isEmpty { missedUpTo = lastTime }
    }

    /// It is over.
    mutating func end() { isOver = true }

    mutating func append(_ event: ClusterEvent, at times: Times) {
        lastTime = max(lastTime + 1, times.wall.milliseconds)
        last.sequence += 1
        let json: JSON = .members([
            "metadata": event.metadata, "type": .string(event.kind.rawValue), "id": .string(random.uuid()),
            "time": .integer(lastTime),
        ])
        let before = last.sequence == 1 ? previous : nil
        add(Entry(event.kind, at: last, behind: before, lastTime, recorded: times.now, json))
    }

    private mutating func add(_ entry: Entry) {
        entries.append(entry)
        bytes += entry.frame.count
    }

    /// Drops the oldest beyond the limits.
    mutating func trim(to limits: EventLimits, at now: Moment) {
        while let oldest = entries.first,
            entries.count > limits.count || bytes > limits.bytes || now - oldest.recorded >= limits.age
        {
            entries.removeFirst()
            bytes -= oldest.frame.count
            missedUpTo = oldest.time
            // What is missing between two leaderships was later than the last of the first.
            if let next = entries.first, !next.comesBehind(oldest.position) { missedUpTo = next.time - 1 }
        }
    }

    // MARK: by time

    /// The time of the newest; `nil` if there is none.
    var newest: Int64? { entries.last?.time }

    /// Those of a later time, the oldest first.
    func entries(after time: Int64) -> some RandomAccessCollection<Entry> { entries[index { $0.time > time }...] }

    /// Of the first entry of which something holds that holds of all behind it too.
    private func index(_ holds: (Entry) -> Bool) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if holds(entries[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: by place

    /// The first that is held, or else the next.
    private var first: EventPosition {
        entries.first?.position ?? EventPosition(epoch: last.epoch, sequence: last.sequence + 1)
    }

    /// Where a listener begins.
    func place(of start: EventLog.Start) -> (position: EventPosition, gap: EventGap?) {
        switch start {
        case .now: return (last, nil)
        case .behind(let position): return (position, nil)
        case .since(let time):
            let index = index { $0.time > time }
            guard index == 0 else { return (entries[index - 1].position, nil) }
            return (first.before, time < missedUpTo ? EventGap(after: nil, before: first) : nil)
        }
    }

    /// What follows a position, which goes on to the end of that; of all kinds if none are named.
    func stretch(after position: inout EventPosition, of kinds: Set<ClusterEvent.Kind>) -> Stretch {
        var stretch = Stretch()
        if let gap = gap(behind: position) {
            stretch.frames.append(gap.frame)
            position = gap.before.before
        }
        let place = position
        var index = index { $0.position > place }
        let end = min(index + Self.longestLook, entries.count)
        var length = 0
        while index < end, length < Self.fullPiece {
            let entry = entries[index]
            if !entry.comesBehind(position) {
                stretch.frames.append(EventGap(after: position, before: entry.position).frame)
            }
            position = entry.position
            index += 1
            guard kinds.isEmpty || kinds.contains(entry.kind) else { continue }
            stretch.frames.append(entry.frame)
            length += entry.frame.count
        }
        stretch.goesOn = index < entries.count
        return stretch
    }

    /// What is missing behind a position although nothing later is held.
    private func gap(behind position: EventPosition) -> EventGap? {
        // Of a time before the store was founded anew.
        if position > last { return EventGap(after: position, before: first) }
        guard position != last, position >= entries.last?.position ?? .init(epoch: 0, sequence: 0) else { return nil }
        if last.sequence == 0, position == previous { return nil }
        return EventGap(after: position, before: EventPosition(epoch: last.epoch, sequence: last.sequence + 1))
    }
}

// MARK: among controllers

extension EventHistory {
    /// Up to where it is known what was told.
    var heard: HistoryEnd { HistoryEnd(position: last, isOver: isOver) }

    /// Whether another controller lacks something that knows all up to a place.
    func isNews(behind end: HistoryEnd) -> Bool {
        entries.last.map { $0.position > end.position } ?? false || isOver && last == end.position && !end.isOver
    }

    /// Some of what another controller lacks that knows all up to a place, the oldest first.
    func lacking(behind end: HistoryEnd) -> [Entry] {
        var (found, bytes): ([Entry], Int) = ([], 0)
        for entry in entries[index { $0.position > end.position }...].prefix(Self.mostHanded) {
            found.append(entry)
            bytes += entry.frame.count
            if bytes >= Self.fullHanding { break }
        }
        return found
    }

    /// Takes what another controller has told, as it was told.
    mutating func take(_ told: Entry) {
        guard told.position > last else { return }
        // What a leader that was killed had told and nobody else has read, at a time that was told again.
        while let newest = entries.last, newest.time >= told.time {
            entries.removeLast()
            bytes -= newest.frame.count
        }
        if entries.isEmpty, !told.comesBehind(last) { missedUpTo = told.time - 1 }
        (last, lastTime, isOver) = (told.position, max(lastTime, told.time), false)
        add(told)
    }

    /// What was told there is not held.
    mutating func pass(_ position: EventPosition) {
        if position > last { (last, isOver) = (position, false) }
    }

    /// Another controller says that nothing comes behind that place.
    mutating func take(_ end: HistoryEnd) {
        if end.isOver, end.position == last { isOver = true }
    }
}

/// Up to where a controller knows what was told.
struct HistoryEnd: Hashable, Comparable, Sendable {
    var position: EventPosition
    /// Nothing comes behind it in its leadership.
    var isOver: Bool

    static func < (left: Self, right: Self) -> Bool {
        left.position == right.position ? !left.isOver && right.isOver : left.position < right.position
    }
}
