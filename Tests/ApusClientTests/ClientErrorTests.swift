import ApusClient
import ApusModel
import Foundation
import Testing

/// What comes back from a node that does not do what it should.
@Suite struct ClientErrorTests {
    @Test func `nobody at an address is unreachable, and the text names the address`() async throws {
        let server = try AnsweringServer("")
        server.stop()
        let error = await #expect(throws: ClientError.self) { try await APIClient(endpoint: server.url).ping() }
        #expect(error?.code == .unreachable("\(server.url)/apis/v1/ping"))
        #expect(error?.message.contains(server.url) == true)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var status: Int
        var body: String
        var code: ClientError.Code
        var testDescription: String { "\(status) \(body)" }
    }

    @Test(arguments: [
        Case(status: 200, body: #"{"status":"FAILED","message":"App X not found"}"#, code: .notFound),
        Case(
            status: 400,
            body: #"{"status":"FAILED","data":{"validationErrors":["a","b"]},"message":"Command validation failure"}"#,
            code: .refused(["a", "b"])
        ),
        Case(
            status: 400,
            body: #"{"status":"FAILED","message":"This node is not the leader controller"}"#,
            code: .refused(["This node is not the leader controller"])
        ),
        Case(
            status: 400,
            body: #"{"status":"FAILED","message":"This node is not the leader controller","reason":"b leads"}"#,
            code: .refused(["This node is not the leader controller", "b leads"])
        ),
        Case(status: 503, body: #"{"status":"FAILED","message":"no store"}"#, code: .status(503, "no store")),
        Case(status: 404, body: "", code: .status(404, "")),
        Case(status: 500, body: "boom", code: .status(500, "boom")),
        Case(status: 200, body: "<html>", code: .unreadable),
        Case(status: 200, body: #"{"status":"SUCCESS","data":{"id":7},"message":"success"}"#, code: .unreadable),
    ])
    func `each bad answer has its code`(_ one: Case) async throws {
        let server = try AnsweringServer(one.body, status: one.status)
        defer { server.stop() }
        let error = await #expect(throws: ClientError.self) {
            try await APIClient(endpoint: server.url).application(AppID("X"))
        }
        #expect(error?.code == one.code)
    }

    @Test func `a connection that is closed without an answer is unreachable`() async throws {
        let server = try AnsweringServer(nil)
        defer { server.stop() }
        let error = await #expect(throws: ClientError.self) { try await APIClient(endpoint: server.url).ping() }
        guard case .unreachable? = error?.code else {
            Issue.record("it is \(String(describing: error))")
            return
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `log reads that take their time do not hold up a command to the same executor`() async throws {
        let server = try AnsweringServer([.init(status: 503, body: "")], except: "/logs/")
        defer { server.stop() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for _ in 0..<16 {
                group.addTask {
                    _ = try await LogClient(executor: server.url, kind: "tasks", owner: "a", name: "b").answer("list")
                }
            }
            // deadline: the test's time limit
            while server.held < 8 { try await Task.sleep(for: .milliseconds(2)) }
            let error = await #expect(throws: ClientError.self) {
                try await NodeClient().send(Self.stop, to: server.url)
            }
            #expect(error?.code == .status(503, ""))
        }
    }

    @Test func `an executor's refusal that a controller hands on is told in its own words`() async throws {
        let server = try AnsweringServer(
            #"{"error":"Executor call returned: 400 body: {\"error\":\"there is no such log file here\"}"}"#,
            status: 400
        )
        defer { server.stop() }
        let error = await #expect(throws: ClientError.self) {
            try await LogClient(APIClient(endpoint: server.url), kind: "tasks", owner: "a", name: "b").files()
        }
        #expect(error?.code == .status(400, "there is no such log file here"))
    }

    private static let stop = NodeCommand(
        cluster: ClusterID("c"),
        executor: ExecutorID("e"),
        key: NodeKey("k"),
        fence: Fence(epoch: 1, sequence: 1),
        order: .stop(InstanceID("AI-1"), .scaledDown)
    )

    @Test func `an executor that is silent fails the message within its deadline`() async throws {
        let server = try AnsweringServer("", answers: false)
        defer { server.stop() }
        let start = ContinuousClock.now
        let error = await #expect(throws: ClientError.self) {
            try await NodeClient().send(Self.stop, to: server.url)
        }
        #expect(error?.code == .timedOut)
        #expect(ContinuousClock.now - start < NodeClient.deadline * 5)
    }
}
