import ApusExecutor
import ApusModel
import ApusTelemetry
import ApusTestKit
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// The whole executor, without a container engine: what it says, and that it goes on.
@Suite(.timeLimit(.minutes(2)))
struct ExecutorTests {
    private let scratch: Scratch
    /// Ports of this test's own: held, so that no other test gets them, while whoever names one may listen.
    private let held: PortReservation
    private var port: Int { held.mappings[0].hostPort }
    private var leading: Int { held.mappings[1].hostPort }
    private var silent: Int { held.mappings[2].hostPort }

    init() throws {
        scratch = try Scratch()
        let ports = ["own", "leading", "silent"].map { PortSpec(name: $0, port: 1) }
        held = try PortReservation(ports: ports, address: "127.0.0.1", excluding: [])
    }

    private func settings() -> ExecutorSettings { .withoutEngine(in: scratch, port: port) }

    private func running(
        _ settings: ExecutorSettings,
        controllers: @escaping @Sendable () -> [String] = { [] },
        telemetry: Telemetry = Telemetry(),
        _ body: () async throws -> Void
    ) async throws {
        let executor = Executor(
            settings: settings,
            controllers: controllers,
            telemetry: telemetry,
            logger: LoopRig.logger
        )
        try await withExecutor(executor, answers: isUp, body)
    }

    private func isUp() async -> Bool {
        do {
            return try await get("ping").status == 200
        } catch {
            return false
        }
    }

    private func get(_ path: String) async throws -> (status: Int, json: JSON) {
        try await send(HTTPClientRequest(url: "http://127.0.0.1:\(port)/apis/v1/\(path)"))
    }

    private func post(_ bytes: [UInt8]) async throws -> (status: Int, json: JSON) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/apis/v1/messages")
        request.method = .POST
        request.body = .bytes(bytes)
        return try await send(request)
    }

    private func send(_ request: HTTPClientRequest) async throws -> (status: Int, json: JSON) {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), try JSON(parsing: body.readableBytesView))
    }

    @Test func `while its engine is away its health check says so, and its numbers go on`() async throws {
        let telemetry = Telemetry()
        try await running(settings(), telemetry: telemetry) {
            try await eventually("it is unhealthy for want of its engine") {
                let serving = telemetry.health.results.first { $0.name == "serving" }
                guard case .unhealthy(let why)? = serving?.health else { return false }
                return why.contains("the container engine does not answer")
            }
            let page = AdminPages(telemetry).page("GET", "/healthcheck", accept: "")
            #expect(page.status == 500)
            try await eventually("the machine is measured") {
                telemetry.metrics.samples().contains { $0.series.name == "apus.machine.memory_total" }
            }
        }
    }

    @Test func `each run has a greater incarnation and the same id`() async throws {
        for incarnation: Int64 in 1...3 {
            try await running(settings()) {
                let pong = try await get("ping").json
                #expect(pong["data"] == "pong")
                #expect(pong["executorId"]?.text == ExecutorID(hostname: "box", port: port).rawValue)
                #expect(pong["incarnation"] == .integer(incarnation))
            }
        }
    }

    @Test(arguments: [
        "", "{", "[]", #"{"schema":1}"#, #"{"schema":1,"order":{"type":"DANCE"}}"#,
        String(repeating: "x", count: 600_000),
        String(repeating: "[", count: 10_000),
    ])
    func `what is no message is refused as unreadable`(text: String) async throws {
        try await running(settings()) {
            let answer = try await post(Array(text.utf8))
            guard case .refused(.unreadable, let reason) = try CommandAnswer(json: answer.json) else {
                Issue.record("\(answer)")
                return
            }
            #expect(!reason.isEmpty)
            #expect(try await get("ping").status == 200)
        }
    }

    @Test func `a command of another cluster is refused`() async throws {
        try await running(settings()) {
            var command = Leader().command(.stop(InstanceID("AI-1"), .replaced))
            command.cluster = ClusterID("other")
            let answer = try await post(command.json.bytes)
            guard case .refused(.wrongCluster, _) = try CommandAnswer(json: answer.json) else {
                Issue.record("\(answer)")
                return
            }
        }
    }

    @Test func `reports go to the controller that answers`() async throws {
        let answer = ReportAnswer(
            verdict: .applied,
            epoch: 77,
            canCommit: true,
            applied: 0,
            settled: [],
            reason: ""
        )
        let listener = try #require(PublishedPortListener(leading, body: answer.json.serialized))
        defer { listener.stop() }
        // Nobody listens at the first.
        let controllers = ["http://127.0.0.1:\(silent)", "http://127.0.0.1:\(leading)"]
        try await running(settings(), controllers: { controllers }) { try await journalled(epoch: 77) }
    }

    /// The epoch that it was answered with is kept on the disk.
    private func journalled(epoch: Int) async throws {
        try await eventually("the leader's epoch is journalled") {
            String(decoding: try scratch.bytes(), as: UTF8.self).contains("\"epoch\":\(epoch)")
        }
    }

    @Test func `reports go to whoever is among the controllers by then`() async throws {
        let answer = ReportAnswer(verdict: .applied, epoch: 78, canCommit: true, applied: 0, settled: [], reason: "")
        let listener = try #require(PublishedPortListener(leading, body: answer.json.serialized))
        defer { listener.stop() }
        let known = Mutex<(urls: [String], asked: Int)>(([], 0))
        let controllers: @Sendable () -> [String] = {
            known.withLock { known in
                known.asked += 1
                return known.urls
            }
        }
        try await running(settings(), controllers: controllers) {
            try await eventually("nobody could be reported to") { known.withLock(\.asked) > 1 }
            known.withLock { $0.urls = ["http://127.0.0.1:\(leading)"] }
            try await journalled(epoch: 78)
        }
    }

    private func membership(_ telemetry: Telemetry) -> Health? {
        telemetry.health.results.first { $0.name == "membership" }?.health
    }

    @Test func `an executor that the leader refuses says why in its health check`() async throws {
        let reason = "another machine than the member box"
        var answer = ReportAnswer(verdict: .refused, epoch: 1, canCommit: true, applied: 0, settled: [], reason: "")
        answer.reason = reason
        let listener = try #require(PublishedPortListener(leading, body: answer.json.serialized))
        defer { listener.stop() }
        let telemetry = Telemetry()
        let leader = "http://127.0.0.1:\(leading)"
        try await running(settings(), controllers: { [leader] }, telemetry: telemetry) {
            try await eventually("it says so") {
                membership(telemetry) == .unhealthy("the leader refuses this executor: \(reason)")
            }
        }
    }

    @Test func `an executor whose secret no controller knows says so, though another one just does not lead`()
        async throws
    {
        let stranger = AnsweringPort(answer: "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        let standby = AnsweringPort(answer: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        defer {
            stranger.stop()
            standby.stop()
        }
        let telemetry = Telemetry()
        let controllers = [stranger, standby].map { "http://127.0.0.1:\($0.port)" }
        try await running(settings(), controllers: { controllers }, telemetry: telemetry) {
            try await eventually("it says so") {
                guard case .unhealthy(let why)? = membership(telemetry) else { return false }
                return why.contains("does not know this node by its secret")
            }
        }
    }

    @Test func `a port that is taken is told`() async throws {
        let listener = try #require(PublishedPortListener(port))
        defer { listener.stop() }
        let executor = Executor(settings: settings(), logger: LoopRig.logger)
        let error = await #expect(throws: ExecutorError.self) { try await executor.run() }
        #expect(error?.description.contains("127.0.0.1:\(port): another program listens there") == true)
    }

    @Test func `a state directory in use is told`() async throws {
        let directory = try scratch.directory()
        defer { directory.close() }
        let executor = Executor(settings: settings(), logger: LoopRig.logger)
        await #expect(throws: ExecutorError.self) { try await executor.run() }
    }
}
