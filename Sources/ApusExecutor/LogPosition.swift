import ApusContainers

/// How far a container's output is written: known from the files alone, so that a crash forgets nothing.
///
/// The engine orders its lines as they came; the times of one stream never fall, those of the two streams may cross by
/// as long as a thread was held up. So each stream has its own mark, and reading begins a little before the last line.
struct LogPosition: Hashable, Sendable {
    /// Longer than a thread of the engine is held up between taking a line's time and writing it.
    static let overlap: Int64 = 2_000_000_000

    /// The last line of one stream.
    struct Mark: Hashable, Sendable {
        var time: ArraySlice<UInt8>
        /// How many lines of that time are written.
        var count: Int
    }

    var out: Mark?
    var err: Mark?
    /// Of the last line of either.
    private(set) var last: ArraySlice<UInt8>?

    /// From when on the engine is asked, in nanoseconds of 1970; `nil` is all.
    var since: Int64? { last.flatMap { ContainerLogEntry.nanoseconds($0) }.map { max(0, $0 - Self.overlap) } }

    /// Takes a line that is written into account.
    mutating func wrote(_ line: LogLine) {
        last = line.time
        switch line.stream {
        case .out: Self.move(&out, to: line.time)
        case .err: Self.move(&err, to: line.time)
        }
    }

    private static func move(_ mark: inout Mark?, to time: ArraySlice<UInt8>) {
        let count = mark.map { $0.time == time ? $0.count : 0 } ?? 0
        mark = Mark(time: time, count: count + 1)
    }

    /// Takes a line of a file into account, read from the end of all backwards.
    ///
    /// - Returns: whether earlier lines matter.
    mutating func saw(_ line: ArraySlice<UInt8>) -> Bool {
        guard let (stream, time) = LogLine.origin(of: line) else { return true }
        // A copy, or it would hold the whole block that it was read with.
        last = last ?? Array(time)[...]
        if let since, let seen = ContainerLogEntry.nanoseconds(time), seen < since { return false }
        switch stream {
        case .out: Self.count(time, &out)
        case .err: Self.count(time, &err)
        }
        return true
    }

    private static func count(_ time: ArraySlice<UInt8>, _ mark: inout Mark?) {
        guard let found = mark else {
            mark = Mark(time: Array(time)[...], count: 1)
            return
        }
        if found.time == time { mark?.count += 1 }
    }
}

/// Leaves out what is written already when the engine tells it again.
///
/// The engine tells in the order in which it was written, so what comes after the mark is new, whatever its time: a
/// machine's clock may have been set back.
struct LogCatchUp: Sendable {
    private var out: LogPosition.Mark?
    private var err: LogPosition.Mark?

    init(_ position: LogPosition) {
        out = position.out
        err = position.err
    }

    mutating func isWritten(_ line: LogLine) -> Bool {
        switch line.stream {
        case .out: Self.isWritten(line, &out)
        case .err: Self.isWritten(line, &err)
        }
    }

    private static func isWritten(_ line: LogLine, _ mark: inout LogPosition.Mark?) -> Bool {
        guard let found = mark else { return false }
        if line.time.lexicographicallyPrecedes(found.time) { return true }
        guard line.time == found.time else {
            mark = nil
            return false
        }
        mark = found.count > 1 ? LogPosition.Mark(time: found.time, count: found.count - 1) : nil
        return true
    }
}
