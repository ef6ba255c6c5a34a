package import ApusContainers

/// One line as it stands in a file: time, a space, `out` or `err`, a space, the text, a line feed.
package struct LogLine: Hashable, Sendable {
    private static let out = Array(" out ".utf8)
    private static let err = Array(" err ".utf8)
    static let prefixLength = ContainerLogEntry.timeLength + 5

    let stream: ContainerLogEntry.Stream
    package let bytes: [UInt8]

    init(_ stream: ContainerLogEntry.Stream, time: ArraySlice<UInt8>, text: some Collection<UInt8>) {
        self.stream = stream
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.prefixLength + text.count + 1)
        bytes += time
        bytes += stream == .out ? Self.out : Self.err
        bytes += text
        bytes.append(UInt8(ascii: "\n"))
        self.bytes = bytes
    }

    var time: ArraySlice<UInt8> { bytes[..<ContainerLogEntry.timeLength] }

    /// Whose line of a file that is, and when it was written; `nil` if no capture wrote it.
    static func origin(
        of line: ArraySlice<UInt8>
    ) -> (stream: ContainerLogEntry.Stream, time: ArraySlice<UInt8>)? {
        guard line.count >= prefixLength, ContainerLogEntry.beginsWithTime(line) else { return nil }
        let time = line.prefix(ContainerLogEntry.timeLength)
        switch Array(line.dropFirst(time.count).prefix(5)) {
        case out: return (.out, time)
        case err: return (.err, time)
        default: return nil
        }
    }
}

/// Joins the pieces of long lines; of either stream at most one line is held, up to the longest.
package struct LogLines: Sendable {
    private struct Piece {
        var time: ArraySlice<UInt8>
        var text: [UInt8]
    }

    private let longest: Int
    private var pieces: [ContainerLogEntry.Stream: Piece] = [:]

    /// `longest` is that of a line, in bytes.
    package init(longest: Int) { self.longest = longest }

    /// The line that this entry ends.
    package mutating func take(_ entry: ContainerLogEntry) -> LogLine? {
        guard var piece = pieces.removeValue(forKey: entry.stream) else {
            if entry.endsLine { return LogLine(entry.stream, time: entry.time, text: entry.text) }
            pieces[entry.stream] = Piece(time: entry.time, text: Array(entry.text))
            return nil
        }
        piece.text += entry.text
        // What is too long is cut at a piece: read again, it is cut at the same place.
        guard entry.endsLine || piece.text.count >= longest else {
            pieces[entry.stream] = piece
            return nil
        }
        return LogLine(entry.stream, time: piece.time, text: piece.text)
    }

    /// What never came to its end.
    package mutating func rest() -> [LogLine] {
        let rest = pieces.map { LogLine($0.key, time: $0.value.time, text: $0.value.text) }
        pieces = [:]
        return rest.sorted { $0.time.lexicographicallyPrecedes($1.time) }
    }
}
