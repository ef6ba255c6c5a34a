package import ApusContainers

/// Looks in one of the engine's files for the last line that is written, a block at a time.
///
/// The last in the order of the file counts: a clock may have been set back, and then times come again. What is not
/// compressed is read from its end, so that it costs little however long the file is.
struct EngineLogSearch {
    enum Finding: Equatable {
        /// Not known yet.
        case more
        /// From `start` on all is told that follows the line, and no more than a little before it; the line ends at
        /// `limit`, and `length` was looked through.
        case at(start: Int, limit: Int, length: Int)
        case nowhere
    }

    private enum Phase {
        /// What stands behind this place is looked through.
        case backward(from: Int)
        case forward(EngineLogTrail)
    }

    private static let block = 256 << 10
    /// Longer than a line is, whether there are feeds or not.
    private static let longestLine = 128 << 10

    private let stream: ContainerLogEntry.Stream
    private let ending: [UInt8]
    private var phase: Phase
    /// So far before a block that has such a time it is looked for where such lines begin.
    private var reach = EngineLogTrail.window + longestLine

    /// For the last line of this stream and time.
    init(_ stream: ContainerLogEntry.Stream, _ time: ArraySlice<UInt8>, in file: EngineLogFile) {
        self.stream = stream
        ending = EngineLogEntry.ending(at: time)
        phase =
            file.isCompressed
            ? .forward(EngineLogTrail(stream, ending, from: 0, to: .max)) : .backward(from: file.length)
    }

    /// Reads one block.
    mutating func step(in file: EngineLogFile) throws(FileFailure) -> Finding {
        switch phase {
        case .backward(let end): return try lookBack(from: end, in: file)
        case .forward(var trail):
            let range = trail.end..<min(trail.end + Self.block, trail.limit)
            let bytes = try file.read(range)
            guard !bytes.isEmpty else { return finding(trail) }
            trail.take(bytes)
            phase = .forward(trail)
            return .more
        }
    }

    private mutating func lookBack(from end: Int, in file: EngineLogFile) throws(FileFailure) -> Finding {
        guard end > 0 else { return .nowhere }
        let start = max(0, end - Self.block)
        // The end of a line may stand on both sides.
        let bytes = try file.read(start..<end + ending.count)
        if let feed = lastEnding(in: bytes) {
            follow(from: start, to: start + feed + 1)
        } else {
            phase = .backward(from: start)
        }
        return .more
    }

    /// Where the line feed stands of the last line with that time, of whichever stream.
    private func lastEnding(in bytes: [UInt8]) -> Int? {
        var end = bytes.endIndex
        while let feed = bytes[..<end].lastIndex(of: UInt8(ascii: "\n")) {
            if bytes[..<feed].suffix(ending.count).elementsEqual(ending) { return feed }
            end = feed
        }
        return nil
    }

    private mutating func follow(from start: Int, to limit: Int) {
        phase = .forward(EngineLogTrail(stream, ending, from: max(0, start - reach), to: limit))
    }

    /// What a trail has come to at its end.
    private mutating func finding(_ trail: EngineLogTrail) -> Finding {
        if let start = trail.start {
            // As far before them as it matters.
            guard trail.origin > 0, start - trail.origin < EngineLogTrail.window else {
                return .at(start: trail.beginning, limit: trail.lastEnd, length: trail.end)
            }
            reach *= 2
            follow(from: trail.origin, to: trail.limit)
            return .more
        }
        guard trail.origin > 0 else { return .nowhere }
        // The line that the trail began in was not whole there.
        phase = .backward(from: min(trail.firstLine ?? trail.origin, trail.origin + Self.block))
        return .more
    }
}

/// The lines of a part of a file, followed from its beginning on, to know where the last of one stream and time begin.
package struct EngineLogTrail {
    /// As far before them it matters what is there: a line of the other stream may be in pieces, of which the first
    /// stand before them and the last behind.
    static let window = 2 << 20
    /// Shorter lines are whole, or the last piece of one.
    private static let longLine = 16 << 10

    private let stream: ContainerLogEntry.Stream
    private let ending: [UInt8]
    /// Where it begins, maybe amid a line, and where it ends.
    let origin: Int
    let limit: Int
    /// How far it has come.
    private(set) var end: Int
    /// Where the first whole line begins.
    private(set) var firstLine: Int?
    /// Where the wanted lines begin, and where the last of them ends.
    package private(set) var start: Int?
    private(set) var lastEnd = 0
    /// No line of the stream with another time has come since.
    private var isOpen = false
    /// Where the long lines begin.
    private var longLines: [Int] = []
    /// The beginning of a line whose end is not read yet.
    private var unread: [UInt8] = []

    /// For the last line of this stream that ends so (`EngineLogEntry.ending`), in this part of a file.
    package init(_ stream: ContainerLogEntry.Stream, _ ending: [UInt8], from origin: Int, to limit: Int) {
        self.stream = stream
        self.ending = ending
        self.origin = origin
        self.limit = limit
        end = origin
        firstLine = origin == 0 ? 0 : nil
    }

    /// Where to begin to read: at the wanted lines, or at a long one before them, which may be a piece.
    package var beginning: Int {
        guard let start else { return origin }
        return longLines.first { $0 < start && $0 >= start - Self.window } ?? start
    }

    /// Follows the bytes that come next.
    package mutating func take(_ bytes: [UInt8]) {
        let offset = end - unread.count
        end += bytes.count
        unread += bytes
        var lineStart = 0
        while let feed = unread[lineStart...].firstIndex(of: UInt8(ascii: "\n")) {
            if firstLine == nil {
                firstLine = offset + feed + 1
            } else {
                take(line: unread[lineStart..<feed], at: offset + lineStart)
            }
            lineStart = feed + 1
        }
        unread.removeFirst(lineStart)
    }

    private mutating func take(line: ArraySlice<UInt8>, at offset: Int) {
        if line.count >= Self.longLine { longLines.append(offset) }
        let isWanted = line.suffix(ending.count).elementsEqual(ending)
        // The others matter only as far as they end a row of wanted ones.
        guard isWanted || isOpen, EngineLogEntry.entry(line)?.stream == stream else { return }
        if isWanted { lastEnd = offset + line.count + 1 }
        if isWanted, !isOpen { start = offset }
        isOpen = isWanted
    }
}
