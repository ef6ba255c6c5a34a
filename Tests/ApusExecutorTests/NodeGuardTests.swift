import ApusClient
import ApusExecutor
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

/// An executor's own port lets in who shows a secret of the cluster.
@Suite(.timeLimit(.minutes(1)))
struct NodeGuardTests {
    private static let (old, new) = ("old-secret-0123456789", "new-secret-0123456789")
    private let scratch: Scratch
    private let held: PortReservation
    private var port: Int { held.mappings[0].hostPort }

    init() throws {
        scratch = try Scratch()
        held = try PortReservation(ports: [PortSpec(name: "own", port: 1)], address: "127.0.0.1", excluding: [])
    }

    private func running(_ body: () async throws -> Void) async throws {
        let settings = ExecutorSettings(
            cluster: ClusterID("cluster"),
            stateDirectory: "\(scratch.path)/node",
            hostname: "box",
            address: "127.0.0.1",
            port: port,
            controllers: [],
            engineSocket: "\(scratch.path)/no-engine.sock",
            sharing: .shared(multiplier: 4),
            publishAddress: "127.0.0.1"
        )
        let secrets = try NodeSecrets([Self.new, Self.old])
        let executor = Executor(settings: settings, secrets: { secrets }, logger: LoopRig.logger)
        let services = ServiceGroup(services: [executor], logger: LoopRig.logger)
        var result = Result<Void, any Error>.success(())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                try await eventually("the executor answers") {
                    do { return try await ask("ping", Self.new).status == .ok } catch { return false }
                }
                try await body()
            } catch {
                result = .failure(error)
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
        try result.get()
    }

    private func ask(
        _ path: String,
        _ secret: String?,
        _ method: HTTPMethod = .GET
    ) async throws -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: String) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/apis/v1/\(path)")
        request.method = method
        if let secret { request.headers.add(name: "Cluster-Authorization", value: secret) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return (response.status, response.headers, String(buffer: try await response.body.collect(upTo: 1 << 20)))
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

    @Test func `a node that shows another secret is told so`() async throws {
        try await running {
            let url = "http://127.0.0.1:\(port)"
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
