import ApusClient
import ApusExecutor
import ApusModel
import NIOHTTP1
import Testing

/// An executor's own port lets in who shows a secret of the cluster.
@Suite(.timeLimit(.minutes(1)))
struct NodeGuardTests {
    private static let (old, new) = ("old-secret-0123456789", "new-secret-0123456789")
    private let bench: PortBench

    init() throws { bench = try PortBench(secrets: [Self.new, Self.old]) }

    private func running(_ body: () async throws -> Void) async throws {
        try await bench.running(showing: Self.new, body)
    }

    private func ask(
        _ path: String,
        _ secret: String?,
        _ method: HTTPMethod = .GET
    ) async throws -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: String) {
        try await bench.ask(path, showing: secret, method)
    }

    @Test func `each secret of the cluster opens it, and nothing else does`() async throws {
        try await running {
            for secret in [Self.new, Self.old] {
                #expect(try await ask("ping", secret).status == .ok)
                #expect(try await ask("logs/applications/A-1/AI-1/list", secret).body == #"{"files":[]}"#)
            }
            for secret in [nil, "", "new-secret", Self.new + "x"] {
                let answer = try await ask("ping", secret)
                #expect(answer.status == .unauthorized)
                #expect(answer.body == "Credentials are required to access this resource.")
                #expect(answer.headers["WWW-Authenticate"] == ["Basic realm=\"realm\""])
            }
            #expect(try await ask("messages", "wrong", .POST).status == .unauthorized)
            #expect(try await ask("logs/applications/A-1/AI-1/list", nil).status == .unauthorized)
            #expect(try await ask("no/such/path", nil).status == .unauthorized)
        }
    }

    @Test func `many wrong ones are told to wait, and a right one is let in all the same`() async throws {
        try await running {
            for _ in 0..<FailureLimit.most {
                #expect(try await ask("ping", "a-guess-of-the-secret").status == .unauthorized)
            }
            let limited = try await ask("ping", "a-guess-of-the-secret")
            #expect(limited.status == .tooManyRequests)
            let seconds = try #require(limited.headers["Retry-After"].first.flatMap { Int($0) })
            #expect((1...60).contains(seconds))
            #expect(try await ask("ping", Self.new).status == .ok)
        }
    }

    @Test func `whoever shows a secret is told who answers; one who shows another is told why not, however often`()
        async throws
    {
        try await running {
            let url = "http://127.0.0.1:\(bench.port)"
            func ping(_ secret: String) async throws -> NodePong {
                let secrets = try NodeSecrets([secret])
                return try await NodeClient(as: Caller(node: "ctrl", secrets: { secrets })).ping(url)
            }
            let pong = try await ping(Self.old)
            #expect(pong.cluster == ClusterID("cluster"))
            #expect(pong.executor == ExecutorID(hostname: "box", port: bench.port))
            // A leader looks more often than that before it says what it found.
            for _ in 0...FailureLimit.most {
                let error = await #expect(throws: ClientError.self) { try await ping("some-other-secret-0123") }
                #expect(error?.code == .status(401, ""))
                #expect(error?.message.hasPrefix("\(url)/apis/v1/ping does not know this node by its secret") == true)
            }
        }
    }

    @Test func `a node that shows another secret is told so`() async throws {
        try await running {
            let url = "http://127.0.0.1:\(bench.port)"
            let stranger = try NodeSecrets(["some-other-secret-0123"])
            func send(_ secrets: NodeSecrets) async throws -> CommandAnswer {
                let stop = NodeCommand(
                    cluster: ClusterID("cluster"),
                    executor: ExecutorID("e"),
                    key: NodeKey("k"),
                    fence: Fence(epoch: 1, sequence: 1),
                    order: .stop(InstanceID("AI-1"), .scaledDown)
                )
                return try await NodeClient(as: Caller(node: "ctrl", secrets: { secrets })).send(stop, to: url)
            }
            let error = await #expect(throws: ClientError.self) { try await send(stranger) }
            #expect(error?.code == .status(401, ""))
            #expect(error?.message.contains("does not know this node by its secret") == true)
            // It is taken, and refused for what it says.
            guard case .refused = try await send(NodeSecrets([Self.old])) else {
                Issue.record("the command is not refused")
                return
            }
        }
    }
}
