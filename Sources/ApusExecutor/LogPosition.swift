import ApusContainers

/// How far a container's output is written: known from the files alone, so that a crash forgets nothing.
///
/// The engine orders its lines as they came: where its own order can be read, the last line written tells it all.
/// Where it can only be asked by time, each stream has its own mark, and reading begins a little before the last line:
/// the times of one stream never fall (but for a clock that is set back), those of the two streams may cross by as long
/// as a thread was held up.
package struct LogPosition: Hashable, Sendable {
    /// Longer than a thread of the engine is held up between taking a line's time and writing it.
    static let overlap: Int64 = 2_000_000_000
    /// Longer than a long line takes from its beginning to its end: a line that is later by more than that and stands
    /// before the last one was written before the clock was set back.
    private static let longestLine: Int64 = 60_000_000_000

    /// The last line of one stream.
    struct Mark: Hashable, Sendable {
        var time: ArraySlice<UInt8>
        /// How many lines of that time are written, one after the other in their stream.
        var count = 1
        /// Read backwards, a line of another time has come: what stands before it does not count.
        fileprivate var isWhole = false

        fileprivate init(_ time: ArraySlice<UInt8>) { self.time = time }
    }

    /// The last line of either stream.
    private struct Last: Hashable, Sendable {
        var stream: ContainerLogEntry.Stream
        var time: ArraySlice<UInt8>
    }

    private(set) var out: Mark?
    private(set) var err: Mark?
    private var last: Last?

    /// Nothing is written.
    package init() {}

    /// After the last of these lines of a file.
    package init(after text: String) {
        self.init()
        for line in Array(text.utf8).split(separator: UInt8(ascii: "\n")).reversed() where !self.saw(line) { return }
    }

    /// From when on an engine is asked that is asked by time, in nanoseconds of 1970; `nil` is all.
    package var since: Int64? {
        last.flatMap { ContainerLogEntry.nanoseconds($0.time) }.map { max(0, $0 - Self.overlap) }
    }

    /// The last line of all, and whose it is; `nil` if nothing is written.
    var end: (stream: ContainerLogEntry.Stream, mark: Mark)? {
        guard let last, let mark = last.stream == .out ? out : err else { return nil }
        return (last.stream, mark)
    }

    /// Takes a line that is written into account.
    mutating func wrote(_ line: LogLine) {
        last = Last(stream: line.stream, time: line.time)
        switch line.stream {
        case .out: Self.move(&out, to: line.time)
        case .err: Self.move(&err, to: line.time)
        }
    }

    private static func move(_ mark: inout Mark?, to time: ArraySlice<UInt8>) {
        let count = mark.map { $0.time == time ? $0.count : 0 } ?? 0
        var moved = Mark(time)
        moved.count = count + 1
        mark = moved
    }

    /// Takes a line of a file into account, read from the end of all backwards.
    ///
    /// - Returns: whether earlier lines matter.
    mutating func saw(_ line: ArraySlice<UInt8>) -> Bool {
        guard let (stream, time) = LogLine.origin(of: line) else { return true }
        // A copy, or it would hold the whole block that it was read with.
        let end = last ?? Last(stream: stream, time: Array(time)[...])
        last = end
        if let known = ContainerLogEntry.nanoseconds(end.time), let seen = ContainerLogEntry.nanoseconds(time) {
            if seen < known - Self.overlap { return false }
            // The other stream's may be: a line without an end has the time of its beginning for as long as it lasts.
            if seen - known > Self.longestLine { return stream != end.stream }
        }
        switch stream {
        case .out: Self.count(time, &out)
        case .err: Self.count(time, &err)
        }
        return true
    }

    private static func count(_ time: ArraySlice<UInt8>, _ mark: inout Mark?) {
        guard let found = mark else {
            mark = Mark(Array(time)[...])
            return
        }
        guard !found.isWhole else { return }
        if found.time == time { mark?.count += 1 } else { mark?.isWhole = true }
    }
}
