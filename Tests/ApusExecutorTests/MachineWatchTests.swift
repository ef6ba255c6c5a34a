import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Logging
import Synchronization
import Testing

/// What a machine tells of itself, at the start and later.
@Suite(.timeLimit(.minutes(1)))
struct MachineWatchTests {
    typealias Facts = ExecutorSettings.Facts
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try put("1048576", "/sys/devices/system/node/online", as: "0")
    }

    /// A machine of one node with so much memory.
    private func put(_ kilobytes: String, _ path: String, as online: String) throws {
        let files = [
            path: online, "/sys/devices/system/node/node0/cpulist": "0-1",
            "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal: \(kilobytes) kB",
        ]
        for (path, text) in files {
            let file = URL(filePath: scratch.path + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
    }

    /// A script that prints what is in the file of that name.
    private func script(_ name: String) -> Facts.Source {
        .program(["/bin/sh", "-c", "cat '\(scratch.path)/\(name)'"])
    }

    private func put(_ text: String, in name: String) throws {
        try text.write(toFile: "\(scratch.path)/\(name)", atomically: true, encoding: .utf8)
    }

    private func settings(_ facts: Facts, disk: Int64? = nil) -> ExecutorSettings {
        ExecutorSettings(
            cluster: ClusterID("cluster"),
            stateDirectory: "\(scratch.path)/node",
            hostname: "box",
            address: "127.0.0.1",
            port: 11_000,
            engineSocket: "\(scratch.path)/no-engine.sock",
            sharing: .pinned,
            publishAddress: "127.0.0.1",
            traits: .init(
                tags: ["ssd"],
                metadata: ["rack": "unknown", "secret": "x"],
                zone: "somewhere",
                quantities: disk.map { [Topology.disk: $0] } ?? [:]
            ),
            hardware: .init(facts: facts, interval: .milliseconds(20))
        )
    }

    private func watch(_ settings: ExecutorSettings, dataRoot: String?) -> MachineWatch {
        MachineWatch(settings, kernelBelow: scratch.path, logger: LoopRig.logger) { dataRoot }
    }

    private func first(_ watch: MachineWatch) async throws -> NodeDescription {
        try await watch.first(try Topology(kernelBelow: scratch.path, sharing: .pinned))
    }

    @Test func `a machine is described from its kernel, its engine, its environment and what programs print`()
        async throws
    {
        try put("  r1 \n", in: "rack")
        let facts = Facts(
            sources: [
                .metadata("rack"): script("rack"), .metadata("PATH"): .variable("PATH"),
                .zone: .program(["/bin/echo", "hall", "1;", "$HOME"]),
            ],
            refusedKeys: ["secret"]
        )
        let description = try await first(watch(settings(facts), dataRoot: scratch.path))
        #expect(description.metadata["rack"] == "r1")
        #expect(description.metadata["PATH"] == ProcessInfo.processInfo.environment["PATH"])
        #expect(description.metadata["secret"] == nil)
        #expect(description.tags == ["box", "ssd"])
        // No shell looks at it.
        #expect(description.zone == "hall 1; $HOME")
        #expect((description.topology.quantities[Topology.disk] ?? 0) > 0)
        #expect(description.topology.nodes.map(\.memoryMB) == [1_024])
    }

    @Test func `a configured disk is offered as it stands, and one that cannot be seen not at all`() async throws {
        let configured = try await first(watch(settings(Facts(), disk: 77), dataRoot: scratch.path))
        #expect(configured.topology.quantities == [Topology.disk: 77])
        let hidden = try await first(watch(settings(Facts()), dataRoot: "\(scratch.path)/not-here"))
        #expect(hidden.topology.quantities.isEmpty)
    }

    @Test func `what changes while it runs is told`() async throws {
        try put("r1", in: "rack")
        let facts = Facts(sources: [.metadata("rack"): script("rack")], interval: .milliseconds(20))
        let watch = watch(settings(facts, disk: 1), dataRoot: nil)
        let first = try await first(watch)
        let seen = Told()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run(after: first) { seen.take($0) } }
            try put("2097152", "/sys/devices/system/node/online", as: "0")
            try await eventually("the new memory is told") {
                seen.all.last?.topology.nodes.map(\.memoryMB) == [2_048]
            }
            try put("r2", in: "rack")
            try await eventually("the new rack is told") { seen.all.last?.metadata["rack"] == "r2" }
            group.cancelAll()
        }
        #expect(seen.all.count <= 3)
    }

    @Test func `a command that fails leaves the last value, or what was configured, and is logged once`() async throws {
        let log = LogTally()
        let book = FactBook(
            Facts(sources: [.metadata("rack"): script("rack")], longestValue: 4),
            logger: Logger(label: "test") { _ in log.handler }
        )
        await book.refresh()
        await book.refresh()
        #expect(book.values.isEmpty)
        #expect(log.count == 1)
        try put("r1", in: "rack")
        await book.refresh()
        for wrong in ["12345", "1\n2", "", String(repeating: "x", count: 100_000)] {
            try put(wrong, in: "rack")
            await book.refresh()
            #expect(book.values == [.metadata("rack"): "r1"])
        }
    }

    @Test func `a command that does not end is killed with all that it started`() async throws {
        let pidFile = "\(scratch.path)/pid"
        let script = "sleep 600 & echo $! >'\(pidFile)'; wait"
        let error = #expect(throws: ProgramFailure.self) {
            try ProgramRun.output(of: ["/bin/sh", "-c", script], within: .milliseconds(300), atMost: 100)
        }
        #expect(error?.description == "/bin/sh does not end within 300 ms")
        let pid = try #require(Int32(String(decoding: try bytes(of: pidFile), as: UTF8.self).filter(\.isNumber)))
        // A killed orphan is gone, or waits for whoever reaps orphans here.
        try await eventually("it has ended") {
            let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat")
            return stat.map { String(decoding: $0, as: UTF8.self).contains(") Z ") } ?? true
        }
    }

    private func bytes(of path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

    @Test func `how a command fails is told`() throws {
        let cases: [([String], String)] = [
            (["/not/here"], "/not/here cannot be started: No such file or directory"),
            (["/bin/sh", "-c", "exit 3"], "/bin/sh ended with status 3"),
            (["/bin/sh", "-c", "kill -9 $$"], "/bin/sh was ended by signal 9"),
            (["/bin/sh", "-c", "yes"], "/bin/sh prints more than 100 bytes"),
        ]
        for (arguments, reason) in cases {
            let error = #expect(throws: ProgramFailure.self) {
                try ProgramRun.output(of: arguments, within: .seconds(20), atMost: 100)
            }
            #expect(error?.description == reason)
        }
        #expect(try ProgramRun.output(of: ["echo", "a b"], within: .seconds(20), atMost: 4) == Array("a b\n".utf8))
    }
}

/// The descriptions that were told.
private final class Told: Sendable {
    private let descriptions = Mutex<[NodeDescription]>([])

    var all: [NodeDescription] { descriptions.withLock { $0 } }

    func take(_ description: NodeDescription) { descriptions.withLock { $0.append(description) } }
}

/// Counts what is logged as a warning or worse.
private final class LogTally: Sendable {
    private let counted = Mutex(0)

    var count: Int { counted.withLock { $0 } }

    var handler: any LogHandler { Handler(tally: self) }

    private struct Handler: LogHandler {
        let tally: LogTally
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            if event.level >= .warning { tally.counted.withLock { $0 += 1 } }
        }
    }
}
