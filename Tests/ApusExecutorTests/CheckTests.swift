import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Dispatch
import Testing

@Suite(.timeLimit(.minutes(1)))
struct CheckTests {
    private let engine = MemoryEngine()
    private let spec = LoopRig.spec(1)
    private static let http = CheckMode.http(HTTPCheck(portName: "main", path: "/"))

    private func check(
        _ mode: CheckMode,
        _ container: ContainerID = ContainerID("none"),
        port: Int? = nil,
        timeout: Duration = .seconds(20),
        by performer: JobPerformer? = nil
    ) async -> Outcome {
        let mapping = port.map { PortMapping(name: "main", containerPort: 8_000, hostPort: $0, type: .http) }
        return await (performer ?? LoopRig.performer(engine)).perform(
            .check(mode, container: container, port: mapping, timeout: timeout),
            for: spec.id,
            portsInUse: []
        )
    }

    private func failure(_ outcome: Outcome) throws -> JobFailure {
        guard case .failed(let failure) = outcome else { throw ExecutorError("\(outcome) is no failure") }
        return failure
    }

    @Test func `a check tells a closed port from a bad answer and from one that speaks no TLS`() async throws {
        let sick = AnsweringPort(answer: "HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n")
        defer { sick.stop() }
        let gone = AnsweringPort(answer: nil)
        gone.stop()
        #expect(try failure(await check(Self.http, port: gone.port)).kind == .notListening)
        let status = try failure(await check(Self.http, port: sick.port))
        #expect(status.kind == .status && status.reason.contains("503"))
        let https = CheckMode.http(HTTPCheck(scheme: .https, portName: "main", path: "/", insecure: true))
        let plain = AnsweringPort(answer: "HTTP/1.1 400 Bad Request\r\n\r\n", isDeaf: true)
        defer { plain.stop() }
        #expect(try failure(await check(https, port: plain.port)).kind == .tls)
        #expect(try failure(await check(Self.http, port: nil)).reason.contains("no port named main"))
    }

    @Test func `a command's exit code decides, and its last line is the reason`() async throws {
        let container = try await running()
        engine.change { state in
            state.commands = [
                ["sh", "-c", "test -e /ready && echo yes"]: .exited(code: 3, lastLine: "no database"),
                ["check", "--deep"]: .exited(code: 4, lastLine: ""),
                ["sh", "-c", "hang"]: .stillRuns,
                ["none"]: .notBegun(reason: "OCI runtime exec failed: no such file"),
            ]
        }
        func result(_ command: String, shellDisabled: Bool = false) async -> Outcome {
            await check(.command(CommandCheck(command: command, shellDisabled: shellDisabled)), container)
        }
        #expect(await result("true") == .passed)
        #expect(
            await result("test -e /ready && echo yes")
                == .failed(JobFailure(.exitCode, reason: "command exited with code 3: no database"))
        )
        #expect(
            await result(" check  --deep", shellDisabled: true)
                == .failed(JobFailure(.exitCode, reason: "command exited with code 4"))
        )
        #expect(try failure(await result("hang")).kind == .timedOut)
        #expect(try failure(await result("none", shellDisabled: true)).reason.contains("no such file"))
        engine.end()
    }

    @Test func `a command is not asked of an engine that is away or a container that has ended`() async throws {
        let command = CheckMode.command(CommandCheck(command: "true"))
        let container = try await running()
        engine.end()
        let ended = try failure(await check(command, container))
        #expect(ended.kind == .other && ended.reason.contains("is not running"))
        engine.setAway(true)
        #expect(try failure(await check(command, container)).kind == .engineAway)
    }

    @Test func `a check that ran out of time while the executor itself stood still is not judged`() async throws {
        let silent = AnsweringPort(answer: nil)
        defer { silent.stop() }
        // Nothing happens on the checks' event loop until the check has run past its time.
        let goesOn = DispatchSemaphore(value: 0)
        let loops = CheckLoops()
        let end = DispatchTime.now() + 30
        loops.execute { _ = goesOn.wait(timeout: end) }
        let performer = LoopRig.performer(engine, checkLoops: loops)
        async let outcome = check(Self.http, port: silent.port, timeout: .milliseconds(100), by: performer)
        try await Self.aWhile("the check's time is up")
        goesOn.signal()
        let failure = try failure(await outcome)
        try await loops.shutDown()
        #expect(failure.kind == .overloaded)
        // Where there was nobody to give it its turn, that is told.
        #expect(failure.reason.contains("this executor is too busy to judge: it "), "\(failure.reason)")
    }

    @Test func `a check that waited longer for its turn than it may take is not judged`() async throws {
        let silent = AnsweringPort(answer: nil)
        defer { silent.stop() }
        let performer = LoopRig.performer(engine)
        let patient = CheckMode.http(
            HTTPCheck(portName: "main", path: "/", connectionTimeout: DurationText(50, .seconds))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            // As many as may be made at once.
            for _ in 0..<64 {
                group.addTask { _ = await check(patient, port: silent.port, timeout: .seconds(50), by: performer) }
            }
            try await eventually("each of them has its turn") { silent.requests.count == 64 }
            async let outcome = check(patient, port: silent.port, timeout: .milliseconds(200), by: performer)
            try await Self.aWhile("one more has waited longer than it may take")
            group.cancelAll()
            let failure = try failure(await outcome)
            #expect(failure.kind == .overloaded)
            #expect(failure.reason.contains("ms for its turn"), "\(failure.reason)")
        }
    }

    /// Some time, and more if tasks wait for their turn here: what was begun before has come as far as it can by then.
    private static func aWhile(_ what: String) async throws {
        let end = ContinuousClock.now + .milliseconds(600)
        var looks = 0
        try await eventually(what) {
            looks += 1
            return looks > 20 && ContinuousClock.now > end
        }
    }

    /// A container that runs in memory.
    private func running() async throws -> ContainerID {
        let container = try await engine.create(ContainerPlan(name: "c", image: "app:1", memoryMB: 1))
        try await engine.start(container)
        return container
    }
}
