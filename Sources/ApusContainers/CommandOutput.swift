/// The end of what a command wrote, out of the frames in which the engine sends it.
///
/// A frame is one byte for the stream, three of zero, four for the length (big-endian), then what was written. Keeps
/// a bounded end however much comes.
package struct CommandOutput: Sendable {
    private static let kept = 4_096
    /// Of the line that is shown to people.
    private static let longestLine = 300

    private var header: [UInt8] = []
    private var unreadOfFrame = 0
    private(set) var tail: [UInt8] = []

    package init() {}

    /// Takes in what comes next.
    package mutating func take(_ chunk: some Collection<UInt8>) {
        var rest = chunk[...]
        while !rest.isEmpty {
            if unreadOfFrame > 0 {
                let payload = rest.prefix(unreadOfFrame)
                unreadOfFrame -= payload.count
                rest = rest.dropFirst(payload.count)
                keep(payload)
            } else {
                let part = rest.prefix(8 - header.count)
                header.append(contentsOf: part)
                rest = rest.dropFirst(part.count)
                guard header.count == 8 else { return }
                unreadOfFrame = header[4...].reduce(0) { $0 << 8 | Int($1) }
                header.removeAll(keepingCapacity: true)
            }
        }
    }

    private mutating func keep(_ payload: some Collection<UInt8>) {
        tail.append(contentsOf: payload.suffix(Self.kept))
        if tail.count > Self.kept { tail.removeFirst(tail.count - Self.kept) }
    }

    /// The last line that has more than blanks, without control characters.
    package var lastLine: String {
        let lines = tail.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        let last = lines.last { line in line.contains { $0 > UInt8(ascii: " ") } } ?? []
        let text = String(decoding: last, as: UTF8.self).unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }
        return String(String(String.UnicodeScalarView(text)).prefix(Self.longestLine))
    }
}
