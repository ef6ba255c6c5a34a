import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What somebody sees who follows `output.log` with the system's own `tail -F`.
@Suite(.timeLimit(.minutes(3)))
struct LogTailTests {
    /// `tail` reads what was renamed only if it comes to it within a second or so.
    @Test func `tail -F sees every line once, over ten rotations and more`() async throws {
        try await follow(pause: .milliseconds(150))
    }

    @Test func `full suite: tail -F sees every line once, however fast the rotations come`() async throws {
        try await follow(pause: .zero)
    }

    /// Writes a ninth of what a file holds with each pause at most, and not before the last is in the file.
    private func follow(pause: Duration) async throws {
        let bench = try LogBench()
        try bench.put("")
        let seen = "\(bench.scratch.path)/seen"
        try Data().write(to: URL(filePath: seen))
        let tail = Process()
        tail.executableURL = URL(filePath: "/usr/bin/env")
        tail.arguments = ["tail", "-n", "+1", "-F", "\(bench.folder)/output.log"]
        tail.standardOutput = try FileHandle(forWritingTo: URL(filePath: seen))
        tail.standardError = FileHandle.nullDevice
        try tail.run()
        // A signal that this process has blocked for itself is blocked in what it starts.
        defer { kill(tail.processIdentifier, SIGKILL) }

        let text = String(repeating: "x", count: 150)
        try await bench.capturing(.local(maxSize: "32k", maxFiles: 100, compress: false)) { _ in
            var number = 0
            var next = ContinuousClock.now
            try await eventually("ten rotations are over", within: .seconds(90)) {
                if pause > .zero {
                    guard try ContinuousClock.now > next && bench.written().count == number else { return false }
                    next = .now + pause
                }
                let entries = (number..<(number + 20)).map { number in
                    ScriptedLogs.Entry(kind: 1, time: Int64(number), text: "\(number) \(text)")
                }
                bench.engine.write(entries)
                number += 20
                return FileManager.default.fileExists(atPath: "\(bench.folder)/output.log.10")
            }
            let wanted = number
            try await eventually("all is written") { try bench.written().count == wanted }
            let expected = try bench.lines()
            func read() throws -> [String] {
                String(decoding: try Data(contentsOf: URL(filePath: seen)), as: UTF8.self).split(separator: "\n")
                    .map(String.init)
            }
            try await eventually("tail has seen the last line") { try read().last == expected.last }
            #expect(try read() == expected)
        }
    }
}
