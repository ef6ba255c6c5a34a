import ApusClient
import ApusModel
import ApusTestKit
import Synchronization
import Testing

/// A client that is told of several controllers asks the one that leads.
@Suite(.timeLimit(.minutes(1))) struct LeaderSearchTests {
    private static let change: JSON = ["type": "SUSPEND"]

    /// Runs two controllers, of which the first leads, with a client that knows both.
    private static func withTwo(
        limit: Duration = .seconds(10),
        _ body: (APIClient, _ first: StubController, _ second: StubController) async throws -> Void
    ) async throws {
        let (first, second) = (try StubController(.leads), try StubController(.standsBy))
        defer {
            first.server.stop()
            second.server.stop()
        }
        let client = APIClient(endpoint: "\(first.server.url), \(second.server.url)", searching: limit)
        try await body(client, first, second)
    }

    @Test func `the leader is found behind one that stands by, and asked from then on`() async throws {
        try await Self.withTwo { client, first, second in
            (first.part, second.part) = (.standsBy, .leads)
            #expect(client.endpoint == "\(first.server.url),\(second.server.url)")
            for _ in 1...2 { _ = try await client.applications() }
            #expect(client.endpoint == second.server.url)
            #expect(first.asked == [])
            #expect(second.asked == ["GET /apis/v1/applications", "GET /apis/v1/applications"])
        }
    }

    @Test func `where nobody listens at one address the other one is asked`() async throws {
        try await Self.withTwo { client, first, second in
            first.server.stop()
            second.part = .leads
            _ = try await client.operate(Self.change)
            #expect(client.endpoint == second.server.url)
        }
    }

    @Test func `a change that the old leader did not take is made at the new one, once`() async throws {
        try await Self.withTwo { client, first, second in
            _ = try await client.applications()
            (first.part, second.part) = (.standsBy, .leads)
            #expect(try await client.operate(Self.change) == AppID("A-1"))
            #expect(second.asked == ["POST /apis/v1/applications/operations"])
        }
    }

    @Test func `a change whose answer was lost is not made again`() async throws {
        try await Self.withTwo { client, first, second in
            _ = try await client.applications()
            (first.part, second.part) = (.breaksOff, .leads)
            let error = await #expect(throws: ClientError.self) { try await client.operate(Self.change) }
            guard case .unreachable? = error?.code else {
                Issue.record("it is \(String(describing: error))")
                return
            }
            #expect(second.asked == [])
            first.part = .standsBy
            #expect(try await client.applications().isEmpty, "the next call finds the new leader")
        }
    }

    @Test func `what only reads is asked again where its answer was lost`() async throws {
        try await Self.withTwo { client, first, second in
            _ = try await client.applications()
            (first.part, second.part) = (.diesAtTheNext, .leads)
            #expect(try await client.applications().isEmpty)
            #expect(second.asked == ["GET /apis/v1/applications"])
        }
    }

    @Test func `with nobody who leads it ends in time, and says what each answered`() async throws {
        try await Self.withTwo(limit: .milliseconds(10)) { client, first, second in
            (first.part, second.part) = (.standsBy, .breaksOff)
            let error = await #expect(throws: ClientError.self) { try await client.ping() }
            #expect(error?.isPassing == true && error?.code == .leaderless)
            let start = "No controller leads: \(first.server.url) stands by; \(second.server.url)/apis/v1/ping "
            #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
        }
    }

    @Test func `with nobody who leads it says why, as those say that stand by`() async throws {
        try await Self.withTwo(limit: .milliseconds(10)) { client, first, second in
            first.part = .cannotLead("the store cannot be read: no ZooKeeper server answers")
            let error = await #expect(throws: ClientError.self) { try await client.ping() }
            #expect(error?.code == .leaderless)
            let message =
                "No controller leads: \(first.server.url) stands by "
                + "(the store cannot be read: no ZooKeeper server answers); \(second.server.url) stands by"
            #expect(error?.message == message)
            second.part = .leads
            // One that says why stands by all the same.
            _ = try await client.applications()
        }
    }

    @Test(arguments: [404, 502])
    func `while a proxy in front of one has no controller behind it, the leader is waited for`(status: Int) async throws
    {
        try await Self.withTwo { client, first, second in
            (first.part, second.part) = (.proxyAlone(status), .standsBy)
            async let asked = client.applications()
            try await eventually("both were asked again") { first.pings > 1 && second.pings > 1 }
            second.part = .leads
            #expect(try await asked.isEmpty)
        }
    }

    @Test func `what only reads is asked again where a proxy lost its controller, what changes is not`() async throws {
        try await Self.withTwo { client, first, second in
            _ = try await client.applications()
            (first.part, second.part) = (.proxyAlone(502), .leads)
            await #expect(throws: ClientError.self) { try await client.operate(Self.change) }
            #expect(second.asked == [])
            #expect(try await client.applications().isEmpty, "the next call finds the new leader")
            (first.part, second.part) = (.leads, .proxyAlone(502))
            #expect(try await client.applications().isEmpty)
        }
    }

    @Test func `a wrong password is told at once, and not shown again`() async throws {
        try await Self.withTwo { client, first, second in
            (first.part, second.part) = (.standsBy, .denies)
            let error = await #expect(throws: ClientError.self) { try await client.applications() }
            guard case .status(401, _)? = error?.code else {
                Issue.record("it is \(String(describing: error))")
                return
            }
            #expect(second.pings == 1)
        }
    }

    @Test func `logs are read on at the new leader`() async throws {
        try await Self.withTwo { client, first, second in
            let logs = LogClient(client, kind: "tasks", owner: "a", name: "b")
            _ = try await logs.files()
            (first.part, second.part) = (.standsBy, .leads)
            let files = try await logs.files()
            #expect(files == ["output.log"])
            #expect(second.asked == ["GET /apis/v1/logfiles/tasks/a/b/list"])
        }
    }

    @Test func `whoever asks by https takes up no controller without`() {
        let others = ["http://b:1", "https://c:1"]
        #expect(APIClient(endpoint: "https://a:1").knowing(others).endpoint == "https://a:1,https://c:1")
        #expect(APIClient(endpoint: "http://a:1").knowing(others).endpoint == "http://a:1,http://b:1,https://c:1")
    }

    @Test func `one controller alone is asked without a search`() async throws {
        let only = try StubController(.standsBy)
        defer { only.server.stop() }
        let client = APIClient(endpoint: only.server.url)
        let error = await #expect(throws: ClientError.self) { try await client.applications() }
        #expect(error?.code == .refused(["This node is not the leader controller"]))
        #expect((only.asked, only.pings) == (["GET /apis/v1/applications"], 0))
    }
}

/// A controller that plays a part.
private final class StubController: Sendable {
    enum Part: Sendable {
        case leads
        case standsBy
        /// The same, and it says why.
        case cannotLead(String)
        /// It closes each connection without an answer.
        case breaksOff
        /// The same once, and then it stands by.
        case diesAtTheNext
        /// It knows nobody.
        case denies
        /// Whatever it is asked has that status.
        case proxyAlone(Int)
    }

    private struct State {
        var part: Part
        var asked: [String] = []
        var pings = 0
    }

    private final class Script: Sendable {
        let state: Mutex<State>

        init(_ part: Part) { state = Mutex(State(part: part)) }

        func answer(to head: Substring) -> AnsweringServer.Answer {
            let request = head.split(separator: " ").prefix(2).joined(separator: " ")
            return state.withLock { state in
                if request.hasSuffix("/ping") {
                    state.pings += 1
                } else if !request.isEmpty {
                    state.asked.append(request)
                }
                switch state.part {
                case .leads: return AnsweringServer.Answer(body: Self.body(request))
                case .standsBy:
                    let body = #"{"status":"FAILED","message":"This node is not the leader controller"}"#
                    return AnsweringServer.Answer(status: 400, body: body)
                case .cannotLead(let reason):
                    let message = #""message":"This node is not the leader controller""#
                    let body = #"{"status":"FAILED",\#(message),"reason":"\#(reason)"}"#
                    return AnsweringServer.Answer(status: 400, body: body)
                case .breaksOff: return AnsweringServer.Answer()
                case .diesAtTheNext:
                    state.part = .standsBy
                    return AnsweringServer.Answer()
                case .proxyAlone(let status): return AnsweringServer.Answer(status: status, body: "<html></html>")
                case .denies: return AnsweringServer.Answer(status: 401, body: "")
                }
            }
        }

        private static func body(_ request: String) -> String {
            if request.contains("/logfiles/") { return #"{"files":["output.log"]}"# }
            let data = request.hasPrefix("POST") ? #"{"appId":"A-1"}"# : "{}"
            return #"{"status":"SUCCESS","data":\#(data),"message":"success"}"#
        }
    }

    let server: AnsweringServer
    private let script: Script

    init(_ part: Part) throws {
        let script = Script(part)
        self.script = script
        server = try AnsweringServer(script: { script.answer(to: $0) })
    }

    var part: Part {
        get { script.state.withLock(\.part) }
        set { script.state.withLock { $0.part = newValue } }
    }

    /// What it was asked besides pings, in order.
    var asked: [String] { script.state.withLock(\.asked) }

    var pings: Int { script.state.withLock(\.pings) }
}
