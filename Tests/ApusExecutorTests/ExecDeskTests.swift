import ApusClient
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Commands that people run in containers: who may, and what becomes of them.
@Suite(.timeLimit(.minutes(2)))
struct ExecDeskTests {
    private static let instance = InstanceID("AI-1")

    /// A desk at an engine, with one instance.
    private static func desk(
        _ engine: DockerEngine,
        _ container: ContainerID = ContainerID("c1"),
        limits: LimitsFile = LimitsFile(),
        kernel: DiskThread
    ) -> ExecDesk {
        let book = ContainerBook()
        book.note(instance, container)
        return ExecDesk(engine: engine, containers: book, limits: limits, kernel: kernel, logger: LoopRig.logger)
    }

    private static func refusal(
        _ limits: LimitsFile,
        _ change: (inout ExecRequest) -> Void = { _ in },
        in instance: InstanceID = instance
    ) async throws -> ExecRefusal? {
        let (engine, kernel) = (DockerEngine(socketPath: "/nonexistent/engine.sock"), DiskThread())
        var request = ExecRequest(command: ["true"])
        change(&request)
        var refusal: ExecRefusal?
        do {
            _ = try await desk(engine, limits: limits, kernel: kernel).session(request, in: instance)
        } catch let error as ExecRefusal {
            refusal = error
        }
        try await engine.shutdown()
        try await kernel.end()
        return refusal
    }

    @Test func `the machine's limits forbid it with their names, and an engine that is away says so`() async throws {
        let scratch = try Scratch()
        func limits(_ text: String, base: MachineLimits = MachineLimits()) throws -> LimitsFile {
            let path = "\(try scratch.directory().path)/limits-\(UUID().uuidString).yaml"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            return try LimitsFile(path: path, beside: base)
        }
        var none = MachineLimits()
        none.allowsExec = false
        let forbidden: [(LimitsFile, String, String?)] = [
            (try limits("exec: false"), "exec", nil), (LimitsFile(none), "exec", nil),
            // The file cannot give what whoever started the executor does not.
            (try limits("exec: true", base: none), "exec", nil),
            (try limits("arguments: false"), "arguments", nil), (try limits("users: [1000]"), "users", "0"),
            (try limits("users: [1000]"), "users", "1000:0"),
        ]
        for (limits, name, user) in forbidden {
            let refusal = try await Self.refusal(limits, { $0.user = user })
            #expect(refusal?.code == .forbidden)
            #expect(refusal?.description.contains("limit `\(name)`") == true, "\(String(describing: refusal))")
        }
        for user in [nil, "1000"] {
            let refusal = try await Self.refusal(try limits("users: [1000]"), { $0.user = user })
            #expect(refusal?.code == .failed, "it was let through to the engine, which is not there")
        }
        let elsewhere = try await Self.refusal(LimitsFile(), in: InstanceID("AI-2"))
        #expect(elsewhere?.code == .notHere)
    }

    // MARK: on a real engine

    private static let hasEngine = ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil

    /// Runs a test with a desk and a container that sleeps.
    private static func withContainer(
        _ body: @escaping @Sendable (ExecDesk, DockerEngine, ContainerID) async throws -> Void
    ) async throws {
        let environment = ProcessInfo.processInfo.environment
        let engine = DockerEngine(socketPath: environment["APUS_TEST_DOCKER_SOCKET"] ?? "")
        let plan = ContainerPlan(
            name: "exec-\(UUID().uuidString)",
            image: environment["APUS_TEST_IMAGE"] ?? "",
            labels: [:],
            // It takes leave of what ends here without a parent: that would be found as it was.
            command: ["sh", "-c", "while :; do busybox sleep 0.2; done"],
            memoryMB: 64
        )
        let id = try await engine.create(plan)
        let kernel = DiskThread()
        var result = Result<Void, any Error>.success(())
        do {
            try await engine.start(id)
            let desk = desk(engine, id, kernel: kernel)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                defer { group.cancelAll() }
                group.addTask {
                    await desk.run()
                    return false
                }
                group.addTask {
                    try await body(desk, engine, id)
                    return true
                }
                while let isOver = try await group.next(), !isOver {}
            }
        } catch {
            result = .failure(error)
        }
        try await engine.remove(id, force: true, volumes: true)
        try await engine.shutdown()
        try await kernel.end()
        try result.get()
    }

    /// A caller: what it sends, and what it hears until the session ends.
    private static func hear(
        _ session: ExecSession,
        saying pieces: AsyncStream<[UInt8]>,
        each: @escaping @Sendable (ExecFrame) -> Void = { _ in }
    ) async throws -> [ExecFrame] {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await session.run(reading: pieces) }
            var (frames, heard) = (ExecFrames(), [ExecFrame]())
            for try await bytes in session.outgoing {
                for frame in try frames.take(bytes) {
                    heard.append(frame)
                    each(frame)
                }
            }
            return heard
        }
    }

    @Test(.enabled(if: hasEngine))
    func `what a caller sends reaches the command, and it hears both streams and the code`() async throws {
        try await Self.withContainer { desk, _, _ in
            var request = ExecRequest(command: ["sh", "-c", "busybox cat; echo err >&2; exit 7"])
            request.readsInput = true
            let session = try await desk.session(request, in: Self.instance)
            let (pieces, saying) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(10))
            saying.yield(ExecFrame.stdin([65, 10]).bytes + ExecFrame.stdinEnd.bytes)
            let heard = try await Self.hear(session, saying: pieces) { if case .exit = $0 { saying.finish() } }
            #expect(Set(heard) == [.taken(bytes: 2), .stdout([65, 10]), .stderr(Array("err\n".utf8)), .exit(code: 7)])
            #expect(heard.last == .exit(code: 7))
        }
    }

    @Test(.enabled(if: hasEngine), arguments: [false, true])
    func `the process of a command whose caller leaves is ended`(hasTerminal: Bool) async throws {
        try await Self.withContainer { desk, engine, id in
            // A shell that does not end when it is asked to, and what it has begun.
            let script = "trap '' TERM; echo $$ >/pid; busybox sleep 1000 & while :; do busybox sleep 0.1; done"
            var request = ExecRequest(command: ["sh", "-c", script])
            request.hasTerminal = hasTerminal
            let session = try await desk.session(request, in: Self.instance)
            let (pieces, saying) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(10))
            let isThere = ["sh", "-c", "kill -0 -$(busybox cat /pid)"]
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await Self.hear(session, saying: pieces) }
                try await eventually("it runs") {
                    try await engine.run(isThere, in: id, within: .seconds(10)) == .exited(code: 0, lastLine: "")
                }
                saying.finish()
                try await group.waitForAll()
            }
            try await eventually("it and what it began have ended") {
                guard case .exited(let code, _) = try await engine.run(isThere, in: id, within: .seconds(10)) else {
                    return false
                }
                return code != 0
            }
        }
    }

    @Test(.enabled(if: hasEngine))
    func `whoever sends more than may be under way, or what is no frame, is told so and ended`() async throws {
        try await Self.withContainer { desk, _, _ in
            let tooMuch = Array(repeating: ExecFrame.stdin([UInt8](repeating: 1, count: 65_536)).bytes, count: 40)
            for bytes in [tooMuch.flatMap(\.self), [0, 255, 255, 255, 255]] {
                var request = ExecRequest(command: ["sleep", "1000"])
                request.readsInput = true
                let session = try await desk.session(request, in: Self.instance)
                let (pieces, saying) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(10))
                saying.yield(bytes)
                let heard = try await Self.hear(session, saying: pieces) { if case .error = $0 { saying.finish() } }
                let reasons = heard.compactMap { frame -> String? in
                    if case .error(let reason) = frame { reason } else { nil }
                }
                #expect(reasons.count == 1 && reasons[0].hasPrefix("what the caller sent cannot be read: "), "\(heard)")
            }
        }
    }

    @Test(.enabled(if: hasEngine))
    func `a command whose caller has left keeps its place until its process has ended`() async throws {
        try await Self.withContainer { desk, engine, id in
            var others: [ExecSession] = []
            for _ in 1..<ExecDesk.most {
                others.append(try await desk.session(ExecRequest(command: ["true"]), in: Self.instance))
            }
            // Beyond this nobody has the session any more.
            @Sendable func leave() async throws {
                // It is killed after five seconds: it does not end when it is asked to.
                let script = "trap '' TERM; echo $$ >/pid; while :; do busybox sleep 0.1; done"
                let session = try await desk.session(ExecRequest(command: ["sh", "-c", script]), in: Self.instance)
                let (pieces, saying) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(10))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await Self.hear(session, saying: pieces) }
                    try await eventually("it runs") {
                        let isThere = ["sh", "-c", "kill -0 $(busybox cat /pid)"]
                        return try await engine.run(isThere, in: id, within: .seconds(10))
                            == .exited(code: 0, lastLine: "")
                    }
                    saying.finish()
                    try await group.waitForAll()
                }
            }
            @Sendable func isFull() async throws -> Bool {
                do {
                    _ = try await desk.session(ExecRequest(command: ["true"]), in: Self.instance)
                    return false
                } catch let refusal as ExecRefusal {
                    #expect(refusal.code == .busy)
                    return true
                }
            }
            try await leave()
            #expect(try await isFull(), "its process is there still")
            try await eventually("its place is free") { try await !isFull() }
            withExtendedLifetime(others) {}
        }
    }

    @Test(.enabled(if: hasEngine))
    func `only so many commands are made ready at once`() async throws {
        try await Self.withContainer { desk, _, _ in
            var sessions: [ExecSession] = []
            for _ in 0..<ExecDesk.most {
                sessions.append(try await desk.session(ExecRequest(command: ["true"]), in: Self.instance))
            }
            do {
                _ = try await desk.session(ExecRequest(command: ["true"]), in: Self.instance)
                Issue.record("one more was made ready")
            } catch let refusal as ExecRefusal {
                #expect(refusal.code == .busy)
            }
            sessions.removeLast()
            _ = try await desk.session(ExecRequest(command: ["true"]), in: Self.instance)
        }
    }
}
