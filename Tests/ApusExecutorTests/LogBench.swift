import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Dispatch
import Foundation
import Logging
import Synchronization
import Testing

/// An engine's logs in memory, told as the engine tells them: from any time on, and followed while a container runs.
final class ScriptedLogs: LogSource {
    struct Entry: Sendable {
        var kind: UInt8
        /// Nanoseconds after the beginning.
        var time: Int64
        var text: String
        var endsLine = true
    }

    private struct State {
        var entries: [Entry] = []
        var isRunning = true
        var isGone = false
        /// Rises with each break of all streams.
        var breaks = 0
        var asked = 0
    }

    /// 2026-11-21T10:42:37Z, in seconds.
    static let beginning: Int64 = 1_795_257_757
    static let container = ContainerID("c1")
    private let state = Mutex(State())

    /// How often a stream was begun.
    var asked: Int { state.withLock(\.asked) }

    func write(_ text: String, at time: Int64, kind: UInt8 = 1, endsLine: Bool = true) {
        write([Entry(kind: kind, time: time, text: text, endsLine: endsLine)])
    }

    func write(_ entries: [Entry]) { state.withLock { $0.entries += entries } }
    func stop() { state.withLock { $0.isRunning = false } }
    func remove() { state.withLock { $0.isGone = true } }
    func breakStreams() { state.withLock { $0.breaks += 1 } }

    func logs(
        of id: ContainerID,
        after position: LogPosition,
        following: Bool,
        notice: (LogNotice) -> Void,
        each: ([UInt8]) async -> Void
    ) async throws {
        let since = position.since
        let breaks = state.withLock { state in
            state.asked += 1
            return state.breaks
        }
        var told = 0
        while true {
            let (entries, isRunning, isGone, now) = state.withLock { state in
                (Array(state.entries[min(told, state.entries.count)...]), state.isRunning, state.isGone, state.breaks)
            }
            try Task.checkCancellation()
            if isGone { throw ContainerError(.notFound, doing: "reading", message: "No such container: \(id)") }
            told += entries.count
            let bytes = entries.filter { Self.beginning * 1_000_000_000 + $0.time >= since ?? 0 }.flatMap(Self.frame)
            if !bytes.isEmpty { await each(bytes) }
            guard breaks == now else { throw ContainerError(.unreachable, doing: "reading", message: "cut") }
            guard following, isRunning else { return }
            if entries.isEmpty { await moment() }
        }
    }

    static func time(_ nanoseconds: Int64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        let fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hour, minute, second) = (
            10 + (42 * 60 + 37 + seconds) / 3600, (42 + (37 + seconds) / 60) % 60, (37 + seconds) % 60
        )
        return "2026-11-21T\(two(hour)):\(two(minute)):\(two(second)).\(fraction)Z"
    }

    private static func frame(_ entry: Entry) -> [UInt8] {
        let payload = Array("\(time(entry.time)) \(entry.text)\(entry.endsLine ? "\n" : "")".utf8)
        let length = UInt32(payload.count)
        return [entry.kind, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) }
            + payload
    }
}

/// Lets a little time pass on another thread; whoever calls it looks again, up to a limit of its own.
func moment() async {
    await withCheckedContinuation { next in
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(2)) { next.resume() }
    }
}

/// A capture over a scripted engine, and what it has written.
struct LogBench {
    static let instance = InstanceID("AI-1")
    static let owner = Owner.application(AppID("WEB-1"))
    let scratch: Scratch
    let disk = DiskThread()
    let engine = ScriptedLogs()
    var root: String { "\(scratch.path)/logs" }
    var folder: String { "\(root)/applications/WEB-1/AI-1" }
    var reader: LogReader { LogReader(root: root, disk: disk) }

    init() throws { scratch = try Scratch() }

    /// Runs a capture of the instance for as long as the body takes, and ends it in the middle of whatever it does.
    func capturing(
        _ logging: LoggingSpec? = nil,
        from source: (any LogSource)? = nil,
        _ body: @escaping @Sendable (LogCapture) async throws -> Void
    ) async throws {
        let capture = LogCapture(root: root, source: source ?? engine, disk: disk, logger: LoopRig.logger)
        capture.follow(
            instance: Self.instance,
            owner: Self.owner,
            container: ScriptedLogs.container,
            logging: logging
        )
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await capture.run()
                return false
            }
            group.addTask {
                try await body(capture)
                return true
            }
            while let isOver = try await group.next(), !isOver {}
        }
    }

    /// What a file holds, as other tools read it.
    func text(of name: String) throws -> String { try LogTexts(folder: folder).text(of: name) }

    /// The lines of all files, the oldest first.
    func lines() throws -> [String] {
        try LogTexts(folder: folder).all.flatMap { text in
            try #require(text.isEmpty || text.hasSuffix("\n"), "no line goes over from one file to the next")
            return text.split(separator: "\n").map(String.init)
        }
    }

    /// The whole lines so far, for looks while more is written: a look may come amid a write.
    func written() throws -> [String] {
        try LogTexts(folder: folder).all.flatMap { text in
            text[..<(text.lastIndex(of: "\n") ?? text.startIndex)].split(separator: "\n").map(String.init)
        }
    }

    func put(_ text: String, in name: String = "output.log") throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
    }

    /// Waits until exactly these lines are written.
    func expect(_ wanted: [String], _ what: String) async throws {
        try await eventually(what) {
            try LogTexts(folder: folder).all.joined().count { $0 == "\n" } >= wanted.count
        }
        #expect(try lines() == wanted, "\(what)")
    }

    static func line(_ text: String, at time: Int64, _ stream: String = "out") -> String {
        "\(ScriptedLogs.time(time)) \(stream) \(text)"
    }
}
