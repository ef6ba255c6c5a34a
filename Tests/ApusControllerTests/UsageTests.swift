import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// What executors and instances use, as the API and `apus top` tell it.
@Suite(.timeLimit(.minutes(2))) struct UsageTests {
    private static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""

    /// Counts how many are asked, and how many at once.
    private final class Asked: Sendable {
        private struct State {
            var all = 0
            var now = 0
            var most = 0
        }
        private let state = Mutex(State())

        var all: Int { state.withLock(\.all) }
        var most: Int { state.withLock(\.most) }

        func begin() {
            state.withLock { state in
                state.all += 1
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }

        func end() { state.withLock { $0.now -= 1 } }
    }

    @Test func `executors are asked a few at a time, once for all who want to know together`() async throws {
        let asked = Asked()
        let desk = UsageDesk(freshness: .seconds(600), limit: .seconds(600)) { url in
            asked.begin()
            defer { asked.end() }
            for _ in 0..<20 { await Task.yield() }
            guard !url.hasSuffix("7") else { throw ClientError(.timedOut, "\(url) did not answer") }
            return [InstanceUsage(instance: InstanceID(url), cpu: 1)]
        }
        let executors = Dictionary(uniqueKeysWithValues: (0..<50).map { (ExecutorID("e\($0)"), "u\($0)") })
        try await withThrowingTaskGroup(of: [ExecutorID: UsageDesk.Answer].self) { group in
            for _ in 0..<5 { group.addTask { try await desk.answers(of: executors) } }
            for try await answers in group {
                #expect(answers.count == 50)
                #expect(answers[ExecutorID("e1")] == .measured([InstanceUsage(instance: InstanceID("u1"), cpu: 1)]))
                #expect(answers[ExecutorID("e17")] == .silent("u17 did not answer"))
            }
        }
        #expect(asked.all == 50)
        #expect(asked.most <= 16)
    }

    @Test func `a usage is read as it was written`() throws {
        for usage in [
            InstanceUsage(instance: InstanceID("AI-1")),
            InstanceUsage(instance: InstanceID("AI-1"), cpu: 1_500, memoryBytes: 1 << 33, ageMilliseconds: 7),
        ] { #expect(try InstanceUsage(json: usage.json) == usage) }
        #expect(throws: JSONError.self) { try InstanceUsage(json: ["instanceId": "AI-1", "cpu": "1"]) }
    }

    @Test func `executors and instances are shown, whoever uses most first, and who could not be measured`()
        async throws
    {
        let said = Said()
        let server = try NodeServer { request in
            request.contains("/apis/v1/usage ") ? JSON.members(["instances": .array(said.usages)]).serialized : nil
        }
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        var load = NodeLoad(freeMemoryMB: 400, freeCPU: 2_500)
        load.totalMemoryMB = 1_000
        load.processors = 4
        report.load = load
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: 2).json.serialized)
            try await eventually("they are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 2 }
            let list = await controller.get("applications/TEST_APP-1/instances").json?["data"]
            let ids = [0, 1].compactMap { list?[$0]?["instanceId"]?.text }
            said.usages = [
                InstanceUsage(instance: InstanceID(ids[0]), cpu: 250, memoryBytes: 64 << 20, ageMilliseconds: 1_900),
                InstanceUsage(instance: InstanceID(ids[1]), cpu: 1_994, memoryBytes: 32 << 20, ageMilliseconds: 900),
            ].map(\.json)
            let answer = await controller.get("cluster/usage")
            #expect(answer.status == 200)
            #expect(answer.json?["data"]?["executors"]?[0]?["cpu"] == 1_500)
            try await withServer(controller) { client in
                func run(_ arguments: String...) async throws -> Run {
                    try await Program(Self.binary, ["top"] + arguments, endpoint: client.endpoint).end()
                }
                let shown = try await run()
                let host = "127.0.0.1:\(server.port)"
                #expect(shown.code == 0, "\(shown.errors)")
                func padded(_ text: String, like other: String) -> String {
                    text + String(repeating: " ", count: other.count - text.count)
                }
                let expected = """
                    \(padded("EXECUTOR", like: host))  STATE   CORES     MEMORY         REMARK
                    \(host)  ACTIVE  1.50 / 4  600 / 1000 MB

                    \(padded("INSTANCE", like: ids[0]))  OF          ON         CORES     MEMORY       MEASURED
                    \(ids[1])  TEST_APP-1  127.0.0.1  1.99 / 1  32 / 128 MB  0 s ago
                    \(ids[0])  TEST_APP-1  127.0.0.1  0.25 / 1  64 / 128 MB  1 s ago

                    """
                #expect(shown.output == expected)
                let byMemory = try await run("--sort", "memory", "--once")
                let lines = byMemory.output.split(separator: "\n")
                #expect(lines.dropFirst(3).map { String($0.prefix(39)) } == ids)
                let json = try await run("--json")
                #expect(try JSON(parsing: json.output)["instances"]?[1]?["memoryBytes"] == .integer(32 << 20))
                #expect(try await run("--sort", "name").code == 64)
            }
            server.stop()
            try await eventually("it is told that the executor does not answer") {
                let executor = await controller.get("cluster/usage").json?["data"]?["executors"]?[0]
                return executor?["unmeasured"] != nil
            }
        }
    }
}

/// What an executor answers.
final class Said: Sendable {
    private let said = Mutex<[JSON]>([])

    var usages: [JSON] {
        get { said.withLock(\.self) }
        set { said.withLock { $0 = newValue } }
    }
}
