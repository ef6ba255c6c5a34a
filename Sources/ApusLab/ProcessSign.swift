import Foundation

/// What tells a process from a later one of the same number: when it started.
struct ProcessSign: Hashable, Sendable {
    var pid: Int32
    /// In ticks since the machine was started.
    var start: String

    /// `nil` if there is no such process, or it has ended and nobody has asked how.
    init?(of pid: Int32) {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        // The name may hold anything, parentheses too: what follows it begins behind the last one.
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 19, !["Z", "X"].contains(fields[0]) || Self.hasOtherThreads(pid) else { return nil }
        self.pid = pid
        start = String(fields[19])
    }

    var isRunning: Bool { ProcessSign(of: pid) == self }

    /// The first thread of a killed process may end before the others do, and with the last of them the process's locks.
    private static func hasOtherThreads(_ pid: Int32) -> Bool {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count > 1
        } catch {
            // It is gone altogether.
            return false
        }
    }
}
