package import ApusModel

/// How much of one instance's output is kept, and how seldom files change places.
package struct LogLimits: Hashable, Sendable {
    /// A file that would grow beyond this is followed by a new one.
    package var fileBytes: Int
    /// With the newest.
    package var files: Int
    /// Whether what is rotated away is compressed.
    package var isCompressing = false
    /// A file stays the newest for so long, unless it grows to twice its size: who follows it by its name looks only
    /// so often.
    package var restBetweenRotations: Duration = .seconds(1)
    /// Under any load a file stays the newest for so long; what comes meanwhile waits at the engine.
    package var leastBetweenRotations: Duration = .milliseconds(200)

    package init(fileBytes: Int, files: Int) {
        self.fileBytes = max(fileBytes, 1)
        self.files = max(files, 1)
    }

    /// `nil` if the output goes elsewhere; a size that is no size counts as 10 MiB.
    package init?(_ spec: LoggingSpec?) {
        switch spec ?? .standard {
        case .rsyslog: return nil
        case .local(let maxSize, let maxFiles, let compress):
            self.init(fileBytes: Self.bytes(maxSize) ?? 10 << 20, files: maxFiles)
            isCompressing = compress
        }
    }

    /// Reads `512k`, `10m`, `10MB`, `1g` or plain bytes, as the engine does.
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), number > 0 else { return nil }
        let shift: Int
        switch text.dropFirst(digits.count).lowercased() {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        case "t", "tb", "tib": shift = 40
        default: return nil
        }
        return number <= Int.max >> (shift + 2) ? number << shift : nil
    }

    /// A longer line is written as several.
    var longestLine: Int { min(1 << 20, max(fileBytes, 16 << 10)) }
}
