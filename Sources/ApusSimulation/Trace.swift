import ApusModel

/// What happened, in words: a hash of all of it, and the last lines.
struct Trace: Sendable {
    private static let kept = 50

    /// FNV-1a over the lines: equal traces give equal hashes in every process.
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private var lines: [String] = []
    private var next = 0
    /// Given each line as it comes; `nil` for most runs.
    var echo: (@Sendable (String) -> Void)?

    mutating func note(_ now: Moment, _ text: String) {
        let line = "\(now.seconds) \(text)"
        for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ 10) &* 0x0000_0100_0000_01B3
        if lines.count < Self.kept {
            lines.append(line)
        } else {
            lines[next] = line
            next = (next + 1) % Self.kept
        }
        echo?(line)
    }

    /// The last lines, oldest first.
    var tail: [String] { Array(lines[next...] + lines[..<next]) }
}

extension Moment {
    /// Seconds to the microsecond, as text.
    var seconds: String {
        let micros = nanoseconds / 1000
        let fraction = String(micros % 1_000_000)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}
