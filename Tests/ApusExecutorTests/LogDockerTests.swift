import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Dispatch
import Foundation
import Testing

/// Capture of real containers' output, on the engine told by APUS_TEST_DOCKER_SOCKET.
@Suite(
    .timeLimit(.minutes(3)),
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil)
)
struct LogDockerTests {
    private let scratch: Scratch
    private let disk = DiskThread()
    private let engine: DockerEngine
    private let image: String
    private let label = ["apus.test": "logs-\(UUID().uuidString)"]
    private var root: String { "\(scratch.path)/logs" }
    private var folder: String { "\(root)/applications/WEB-1/AI-1" }

    init() throws {
        scratch = try Scratch()
        let environment = ProcessInfo.processInfo.environment
        image = try #require(environment["APUS_TEST_IMAGE"], "scripts/test sets it")
        engine = DockerEngine(
            socketPath: try #require(environment["APUS_TEST_DOCKER_SOCKET"], "scripts/test sets it")
        )
    }

    /// Runs a container with this script, and removes it at the end.
    private func withContainer(
        _ script: String,
        _ log: ContainerPlan.Log = .files(maxSize: "10m", maxFiles: 3, compress: true),
        _ body: (ContainerID) async throws -> Void
    ) async throws {
        let result: Result<Void, any Error>
        do {
            let container = try await engine.create(
                ContainerPlan(
                    name: label["apus.test"] ?? "",
                    image: image,
                    labels: label,
                    command: ["/bin/sh", "-c", script],
                    memoryMB: 64,
                    log: log
                )
            )
            try await engine.start(container)
            result = .success(try await body(container))
        } catch {
            result = .failure(error)
        }
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        try await Task { [engine, label] in
            for left in try await engine.list(labels: label) {
                try await engine.remove(left.id, force: true, volumes: true)
            }
            try await engine.shutdown()
        }.value
        try result.get()
    }

    /// Captures for as long as the body takes, and ends as in a crash.
    private func capturing(
        _ container: ContainerID,
        _ logging: LoggingSpec? = nil,
        _ body: @escaping @Sendable (LogCapture) async throws -> Void
    ) async throws {
        let capture = LogCapture(
            root: root,
            source: EngineLogFiles(engine: engine, disk: disk),
            disk: disk,
            logger: LoopRig.logger
        )
        capture.follow(
            instance: LogBench.instance,
            owner: LogBench.owner,
            container: container,
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

    /// What was written to that stream, in order, without times.
    private func texts(_ stream: String) throws -> [Substring] {
        try LogTexts(folder: folder).all.flatMap { text in
            text.split(separator: "\n").filter { $0.dropFirst(31).hasPrefix(stream) }.map { $0.dropFirst(35) }
        }
    }

    private func count() -> Int {
        do { return try texts("out").count } catch { return 0 }
    }

    @Test func `a container's output is whole over restarts of the capture, and is there when it is removed`()
        async throws
    {
        let script = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
        try await withContainer(script) { container in
            let test = self
            for part in 1...3 {
                try await capturing(container) { _ in
                    try await eventually("part \(part) is written") { test.count() >= part * 700 }
                }
            }
            try await eventually("it ends") { try await self.engine.inspect(container).state.isExited }
            try await capturing(container) { capture in await capture.drained(LogBench.instance, within: .seconds(60)) }
            try await engine.remove(container, force: true, volumes: true)
            let wanted = 0..<3000
            #expect(try texts("out") == wanted.map { "out \($0)" })
            #expect(try texts("err") == wanted.map { "err \($0)" })
        }
    }

    @Test(arguments: [false, true])
    func `the engine's own rotations lose and repeat nothing`(compressing: Bool) async throws {
        let script = "i=0; while [ $i -lt 6000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
        // Some eighty rotations; what is compressed cannot be read, and the engine must be asked for it.
        let log = ContainerPlan.Log.files(maxSize: "10k", maxFiles: 500, compress: compressing)
        try await withContainer(script, log) { container in
            let test = self
            for part in 1...3 {
                try await capturing(container) { _ in
                    try await eventually("part \(part) is written", within: .seconds(60)) {
                        test.count() >= part * 1_500
                    }
                }
            }
            try await eventually("it ends", within: .seconds(60)) {
                try await self.engine.inspect(container).state.isExited
            }
            try await capturing(container) { capture in
                await capture.drained(LogBench.instance, within: .seconds(30))
            }
            let (out, err) = (try texts("out") == (0..<6_000).map { "out \($0)" }, try texts("err").count)
            #expect(out, "in order, each once")
            #expect(err == 6_000)
        }
    }

    @Test func `a container that writes as fast as it can loses no line`() async throws {
        // 60 MB; the engine keeps twice as many, so that nothing is lost there.
        let script = """
            exec busybox awk 'BEGIN { for (i = 1; i <= 500000; i++)
                print "a line of some eighty characters, as programs like to write them, number " i }'
            """
        let log = ContainerPlan.Log.files(maxSize: "60m", maxFiles: 3, compress: false)
        try await withContainer(script, log) { container in
            try await capturing(container, .local(maxSize: "20m", maxFiles: 10, compress: true)) { capture in
                try await eventually("it ends", within: .seconds(90)) {
                    try await self.engine.inspect(container).state.isExited
                }
                await capture.drained(LogBench.instance, within: .seconds(60))
            }
            let numbers = try texts("out").map { Int($0.split(separator: " ").last ?? "") ?? -1 }
            #expect(numbers.count == 500_000)
            // As a Bool: the difference of two such lists takes for ever to find.
            let isWhole = numbers == Array(1...500_000)
            #expect(isWhole, "in order, each once")
        }
    }

    @Test func `a full disk holds output back, and then all of it is written once`() async throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try await Self.asRoot("mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "apus-test", root)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await overflow()) } catch { outcome = .failure(error) }
        try await Self.asRoot("umount", "-l", root)
        try outcome.get()
    }

    /// On a disk of 256 KB.
    private func overflow() async throws {
        let filler = "\(root)/filler"
        try Data(count: 200 << 10).write(to: URL(filePath: filler))
        // 88 KB, of which a part fits; in small portions, for a portion is written whole or not at all.
        let script = """
            i=0
            while [ $i -lt 2000 ]; do
                echo out $i; i=$((i+1))
                if [ $((i % 100)) -eq 0 ]; then sleep 0.2; fi
            done
            """
        try await withContainer(script) { container in
            let test = self
            try await capturing(container) { _ in
                try await eventually("all is said") { try await test.engine.inspect(container).state.isExited }
                try await eventually("what fits is written") { test.count() > 500 }
                #expect(test.count() < 2_000)
                try FileManager.default.removeItem(atPath: filler)
                try await eventually("all is written") { test.count() >= 2_000 }
            }
            let isWhole = try texts("out") == (0..<2_000).map { "out \($0)" }
            #expect(isWhole, "in order, each once")
        }
    }

    private static func asRoot(_ command: String...) async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = (getuid() == 0 ? [] : ["sudo", "-n"]) + command
        let status = try await withCheckedThrowingContinuation { (next: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { next.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { return next.resume(throwing: error) }
            DispatchQueue.global().asyncAfter(deadline: .now() + 30) {
                if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            }
        }
        try #require(status == 0, "\(command) failed")
    }
}

extension ContainerState {
    fileprivate var isExited: Bool { if case .exited = self { true } else { false } }
}
