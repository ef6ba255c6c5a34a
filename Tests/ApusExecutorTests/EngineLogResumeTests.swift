import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A container's json-file, read as beside a real engine.
private struct JSONFileLogs: LogSource {
    let path: String

    func logs(
        of id: ContainerID,
        after position: LogPosition,
        following: Bool,
        notice: (LogNotice) -> Void,
        each: ([UInt8]) async -> Void
    ) async throws {
        guard let chain = EngineLogChain(path, after: position) else {
            throw ContainerError(.notFound, doing: "reading", message: "No such container: \(id)")
        }
        while true {
            try Task.checkCancellation()
            switch try chain.next() {
            case .notice(let what): notice(what)
            case .entries(let bytes): await each(bytes)
            case .more: continue
            case .end, .gone:
                guard following else { return }
                await moment()
            }
        }
    }

    /// Writes them behind those that are there.
    func append(_ entries: [ScriptedLogs.Entry]) throws {
        let text = entries.map(Self.line).joined()
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(filePath: path)) }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private static func line(_ entry: ScriptedLogs.Entry) -> String {
        var time = ScriptedLogs.time(entry.time).dropLast()
        while time.last == "0" { time.removeLast() }
        if time.last == "." { time.removeLast() }
        let (feed, stream) = (entry.endsLine ? #"\n"# : "", entry.kind == 2 ? "stderr" : "stdout")
        return #"{"log":"\#(entry.text)\#(feed)","stream":"\#(stream)","time":"\#(time)Z"}"# + "\n"
    }
}

/// Output that is read out of the engine's own files goes on where it was, whatever the clock did meanwhile.
@Suite(.timeLimit(.minutes(2)))
struct EngineLogResumeTests {
    private let bench: LogBench
    private let logs: JSONFileLogs

    init() throws {
        bench = try LogBench()
        logs = JSONFileLogs(path: "\(bench.scratch.path)/c1-json.log")
    }

    private static func line(_ entry: ScriptedLogs.Entry) -> String {
        LogBench.line(entry.text, at: entry.time, entry.kind == 2 ? "err" : "out")
    }

    /// Ten a second, of both streams.
    private static func entries(_ numbers: Range<Int>, from second: Int64) -> [ScriptedLogs.Entry] {
        numbers.map { number in
            ScriptedLogs.Entry(
                kind: number % 3 == 0 ? 2 : 1,
                time: second * 1_000_000_000 + Int64(number - numbers.lowerBound) * 100_000_000,
                text: "line \(number)"
            )
        }
    }

    @Test func `kills before and after the clock was set back by an hour lose and repeat nothing`() async throws {
        let (bench, logs) = (bench, logs)
        // The third begins an hour before the second ends, and comes to the times of the second again.
        let parts = [
            Self.entries(0..<300, from: 3_500), Self.entries(300..<900, from: 3_600),
            Self.entries(900..<1_000, from: 60), Self.entries(1_000..<1_600, from: 3_590),
            Self.entries(1_600..<1_700, from: 3_660),
        ]
        var wanted: [String] = []
        for (number, part) in parts.enumerated() {
            wanted += part.map(Self.line)
            let expected = wanted
            // Each is a capture of its own, which ends as in a crash.
            try await bench.capturing(from: logs) { _ in
                try logs.append(part)
                try await bench.expect(expected, "part \(number)")
            }
        }
    }

    @Test(arguments: [1, 5, 299, 300, 301, 350, 899])
    func `a kill at any line is made up for`(written: Int) async throws {
        let (bench, logs) = (bench, logs)
        let entries = Self.entries(0..<300, from: 3_600) + Self.entries(300..<900, from: 0)
        let wanted = entries.map(Self.line)
        try logs.append(entries)
        try bench.put(wanted[..<written].map { $0 + "\n" }.joined())
        try await bench.capturing(from: logs) { _ in try await bench.expect(wanted, "each once") }
    }

    @Test(arguments: 1...5)
    func `a kill between lines of one time loses none of them and repeats none`(written: Int) async throws {
        let (bench, logs) = (bench, logs)
        let entries = ["before", "same", "same", "other", "same", "last"].enumerated().map { number, text in
            ScriptedLogs.Entry(kind: number == 3 ? 2 : 1, time: number == 0 ? 1 : 5, text: text)
        }
        let wanted = entries.map(Self.line)
        try logs.append(entries)
        try bench.put(wanted[..<written].map { $0 + "\n" }.joined())
        try await bench.capturing(from: logs) { _ in try await bench.expect(wanted, "five of one time") }
    }

    @Test func `a long line that was begun before the last one written is whole`() async throws {
        let (bench, logs) = (bench, logs)
        let piece = String(repeating: "x", count: 16 << 10)
        try logs.append([
            ScriptedLogs.Entry(kind: 1, time: 1, text: "first"),
            ScriptedLogs.Entry(kind: 2, time: 2, text: piece, endsLine: false),
            ScriptedLogs.Entry(kind: 1, time: 90_000_000_000, text: "between"),
            ScriptedLogs.Entry(kind: 2, time: 2, text: "end"),
        ])
        let wanted = [
            LogBench.line("first", at: 1), LogBench.line("between", at: 90_000_000_000),
            LogBench.line(piece + "end", at: 2, "err"),
        ]
        try bench.put(wanted[..<2].map { $0 + "\n" }.joined())
        try await bench.capturing(from: logs) { _ in try await bench.expect(wanted, "all of it") }
    }

    @Test(arguments: [1, 3])
    func `one line far longer than is kept in one goes on at any of its parts`(written: Int) async throws {
        let (bench, logs) = (bench, logs)
        let piece = String(repeating: "x", count: 16 << 10)
        // Of a mebibyte each.
        let wanted = (0..<4).map { _ in LogBench.line(String(repeating: piece, count: 64), at: 5) }
        try logs.append(
            (0..<4 * 64).map { _ in ScriptedLogs.Entry(kind: 1, time: 5, text: piece, endsLine: false) }
        )
        try bench.put(wanted[..<written].map { $0 + "\n" }.joined())
        try await bench.capturing(from: logs) { _ in try await bench.expect(wanted, "each part once") }
    }

    @Test func `a line of a year that is no time is a line all the same`() async throws {
        let (bench, logs) = (bench, logs)
        let far = "2263-01-01T00:00:00.000000001Z out far"
        try bench.put("\(far)\n")
        try logs.append([ScriptedLogs.Entry(kind: 2, time: 1, text: "near")])
        try await bench.capturing(from: logs) { _ in
            try await bench.expect([far, LogBench.line("near", at: 1, "err")], "both")
        }
    }
}
