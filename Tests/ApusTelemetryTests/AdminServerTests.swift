import ApusModel
import ApusTelemetry
import AsyncHTTPClient
import CoreMetrics
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import Testing

/// What Telegraf, Prometheus and a load balancer get of the admin port.
@Suite(.timeLimit(.minutes(1)))
struct AdminServerTests {
    private struct Answer {
        var status: UInt
        var type: String
        var text: String
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Serves for as long as the body takes, which gets the port.
    private func serving(_ telemetry: Telemetry, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        let (ports, listening) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let server = AdminServer(telemetry, address: "127.0.0.1", port: 0, logger: Self.logger) { listening.yield($0) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await server.run()
                return false
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
                try await body(port)
                return true
            }
            while let isOver = try await group.next(), !isOver {}
        }
    }

    private static func get(
        _ path: String,
        _ port: Int,
        accept: String? = nil,
        method: HTTPMethod = .GET
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        if let accept { request.headers.add(name: "Accept", value: accept) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return Answer(
            status: response.status.code,
            type: response.headers.first(name: "Content-Type") ?? "",
            text: String(buffer: try await response.body.collect(upTo: 1 << 20))
        )
    }

    @Test func `each reader gets its own format`() async throws {
        let telemetry = Telemetry()
        Counter(label: "a.b", dimensions: [], factory: telemetry.metrics).increment()
        try await serving(telemetry) { port in
            // Telegraf, curl and browsers, then Prometheus of old and of today.
            for accept in [nil, "*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8"] {
                let answer = try await Self.get("/metrics", port, accept: accept)
                #expect(answer.type == "application/json")
                let object = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any]
                #expect(object?["version"] as? String == "4.0.0")
            }
            let old = try await Self.get("/metrics", port, accept: "text/plain;version=0.0.4;q=1,*/*;q=0.1")
            #expect(old.type.hasPrefix("text/plain; version=0.0.4"))
            #expect(old.text.contains("# TYPE a_b_total counter\na_b_total 1\n"))
            let today = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            let new = try await Self.get("/metrics", port, accept: today)
            #expect(new.type.hasPrefix("application/openmetrics-text; version=1.0.0"))
            #expect(new.text.contains("# TYPE a_b counter\na_b_total 1\n") && new.text.hasSuffix("# EOF\n"))
            let plain = try await Self.get("/metrics/prometheus", port)
            #expect(plain.type.hasPrefix("text/plain; version=0.0.4"))
            #expect(plain.text.contains("a_b_total 1\n"))
        }
    }

    @Test func `a health check that fails makes the answer 500 and says why, and 200 again when it is over`()
        async throws
    {
        let telemetry = Telemetry()
        telemetry.health.add("always") { .healthy }
        let holder = TroubleHolder()
        telemetry.health.add("held") { holder.text.map { .unhealthy($0) } ?? .healthy }
        try await serving(telemetry) { port in
            for text in [nil, "the engine is away", nil] {
                holder.set(text)
                let answer = try await Self.get("/healthcheck", port)
                #expect(answer.status == (text == nil ? 200 : 500))
                let object = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: [String: Any]]
                #expect(object?["held"]?["healthy"] as? Bool == (text == nil))
                #expect(object?["held"]?["message"] as? String == text)
                #expect(object?["always"]?["healthy"] as? Bool == true)
                #expect((object?["always"]?["timestamp"] as? String)?.contains("T") == true)
            }
        }
    }

    @Test func `it answers a ping, and nothing else`() async throws {
        try await serving(Telemetry()) { port in
            let pong = try await Self.get("/ping", port)
            #expect(pong.status == 200 && pong.text == "pong\n")
            #expect(try await Self.get("/", port).status == 404)
            #expect(try await Self.get("/apis/v1/cluster", port).status == 404)
            #expect(try await Self.get("/metrics", port, method: .POST).status == 405)
            #expect(try await Self.get("/ping?" + String(repeating: "x", count: 100_000), port).status >= 400)
            #expect(try await Self.get("/ping", port).status == 200)
        }
    }

    @Test func `a port that is taken ends it with a text that names the option`() async throws {
        try await serving(Telemetry()) { port in
            let second = AdminServer(Telemetry(), address: "127.0.0.1", port: port, logger: Self.logger)
            let error = await #expect(throws: AdminError.self) { try await second.run() }
            let text = error?.description ?? ""
            #expect(text.contains("127.0.0.1:\(port): another program listens there"), "\(text)")
            #expect(text.contains("--admin-address"), "\(text)")
        }
    }
}

/// What is wrong now, as a test says.
private final class TroubleHolder: Sendable {
    private let trouble = Mutex<String?>(nil)
    var text: String? { trouble.withLock(\.self) }
    func set(_ text: String?) { trouble.withLock { $0 = text } }
}
