import ApusClient
import ApusModel
import ApusTestKit
import Testing

/// How an executor's port tells who it is, as version 7 did.
///
/// With `APUS_RECORD_GOLDEN=1` what it tells today is recorded: read it before it is committed.
@Suite(.timeLimit(.minutes(1)))
struct GoldenPingTests {
    private let bench: PortBench

    init() throws { bench = try PortBench() }

    @Test func `whoever looks at an executor's port is told what version 7 told, and reads that`() async throws {
        try await bench.running {
            let now = try JSON(parsing: try await bench.ask("ping").body)
            let then = try goldenMessage("7/messages/ping", today: now)
            guard case .object(let members) = then else { throw Unfulfilled("\(then) is no object") }
            for member in members { #expect(now[member.key] != nil, "\(member.key) is missing today") }

            let length = then.bytes.count
            let port = AnsweringPort(
                answer: "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\nConnection: close\r\n\r\n\(then.serialized)"
            )
            defer { port.stop() }
            let pong = try await NodeClient().ping("http://127.0.0.1:\(port.port)")
            #expect(pong.cluster == ClusterID("cluster") && pong.incarnation == 1)
            #expect(pong.executor == ExecutorID(try then.string("executorId")))
        }
    }
}
