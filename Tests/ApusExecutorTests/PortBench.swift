import ApusClient
import ApusExecutor
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// An executor that is asked over its own port, without a container engine or a controller.
struct PortBench {
    let scratch: Scratch
    private let held: PortReservation
    /// Whom it lets in; anybody if there are none.
    private let secrets: NodeSecrets?

    init(secrets: [String] = []) throws {
        scratch = try Scratch()
        held = try PortReservation(ports: [PortSpec(name: "own", port: 1)], address: "127.0.0.1", excluding: [])
        self.secrets = secrets.isEmpty ? nil : try NodeSecrets(secrets)
    }

    var port: Int { held.mappings[0].hostPort }

    /// Runs it for as long as the body takes; `secret` is one of those that let in.
    func running(showing secret: String? = nil, _ body: () async throws -> Void) async throws {
        let settings = ExecutorSettings.withoutEngine(in: scratch, port: port)
        let executor = Executor(settings: settings, secrets: { [secrets] in secrets }, logger: LoopRig.logger)
        func answers() async -> Bool {
            do { return try await ask("ping", showing: secret).status == .ok } catch { return false }
        }
        try await withExecutor(executor, answers: answers, body)
    }

    func ask(
        _ path: String,
        showing secret: String? = nil,
        _ method: HTTPMethod = .GET
    ) async throws -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: String) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/apis/v1/\(path)")
        request.method = method
        if let secret { request.headers.add(name: "Cluster-Authorization", value: secret) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return (response.status, response.headers, String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }
}
