import ApusExecutor
import ApusModel
import Testing

/// What is known of an answer that never becomes whole.
@Suite(.timeLimit(.minutes(1)))
struct HTTPVerdictTests {
    @Test func `a bad status counts though its body never ends`() async throws {
        let server = AnsweringPort(
            answer: "HOLDHTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        defer { server.stop() }
        let check = HTTPCheck(portName: "main", path: "/")
        let result = try await HTTPProbe(check: check, port: server.port, timeout: .seconds(5)).run()
        guard case .failed(.status(503), let reason) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(reason.hasSuffix(": 503 Service Unavailable"))
    }

    @Test func `a connection is not waited for beyond the check's own time`() async throws {
        let full = AnsweringPort(answer: nil, accepts: false)
        defer { full.stop() }
        let check = HTTPCheck(portName: "main", path: "/", connectionTimeout: DurationText(20, .seconds))
        let probe = HTTPProbe(check: check, port: full.port, timeout: .milliseconds(300))
        var result: ProbeResult?
        let took = try await ContinuousClock().measure { result = try await probe.run() }
        guard case .failed(.timeout, let reason) = result else {
            Issue.record("\(String(describing: result))")
            return
        }
        #expect(reason.contains("no answer within 0.3 seconds"))
        #expect(took < .seconds(10))
    }
}
