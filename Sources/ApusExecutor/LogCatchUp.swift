import ApusContainers

/// Leaves out what is written already when it is told again.
struct LogCatchUp: Sendable {
    private enum Course: Sendable {
        /// What each stream has up to its mark is written. What comes after the mark is new, whatever its time.
        case byTime(out: LogPosition.Mark?, err: LogPosition.Mark?)
        /// All is written up to the mark, whatever its time and whosever it is; so many of the mark's own have come, and
        /// no more bytes than `left` stand before the last of them: if it has not come by then, it was damaged.
        case inOrder(ContainerLogEntry.Stream, LogPosition.Mark, come: Int, left: Int)
        /// All is new.
        case over
    }

    private var course: Course

    /// For what is told of a time on.
    init(byTimeTo position: LogPosition) { course = .byTime(out: position.out, err: position.err) }

    /// For what is told in the order of writing, from before the position's last line on, which stands within so many
    /// bytes.
    init(inOrderTo position: LogPosition, within bytes: Int) {
        course = position.end.map { Course.inOrder($0.stream, $0.mark, come: 0, left: bytes) } ?? .over
    }

    mutating func isWritten(_ line: LogLine) -> Bool {
        switch course {
        case .over: return false
        case .byTime(var out, var err):
            let isWritten = line.stream == .out ? Self.isWritten(line, &out) : Self.isWritten(line, &err)
            course = .byTime(out: out, err: err)
            return isWritten
        case .inOrder(let stream, let mark, let come, let left):
            let left = left - line.bytes.count
            let isMark = line.stream == stream && line.time == mark.time
            // Fewer have come than were written: a part went with the engine's oldest file.
            let isPast = line.stream == stream && !isMark && come > 0
            // The first may be longer: the rest of a line without an end came when the container was started again.
            guard !isPast, left >= 0 || (isMark && come == 0) else {
                course = .over
                return false
            }
            let all = isMark ? come + 1 : come
            course = all < mark.count ? .inOrder(stream, mark, come: all, left: left) : .over
            return true
        }
    }

    private static func isWritten(_ line: LogLine, _ mark: inout LogPosition.Mark?) -> Bool {
        guard var found = mark else { return false }
        if line.time.lexicographicallyPrecedes(found.time) { return true }
        guard line.time == found.time else {
            mark = nil
            return false
        }
        found.count -= 1
        mark = found.count > 0 ? found : nil
        return true
    }
}
