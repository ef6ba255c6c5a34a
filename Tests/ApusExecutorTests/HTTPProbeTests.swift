import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTPProbeTests {
    private static func check(
        path: String = "/healthy?deep=1",
        verb: HTTPCheck.Verb = .get,
        codes: [Int] = [200, 204],
        payload: String? = nil,
        connect: DurationText? = nil
    ) -> HTTPCheck {
        HTTPCheck(
            portName: "main",
            path: path,
            verb: verb,
            successCodes: codes,
            payload: payload,
            connectionTimeout: connect
        )
    }

    /// Probes a server that gives `answer` to every request; returns the outcome and the requests.
    private func probe(
        _ check: HTTPCheck,
        timeout: Duration = .seconds(20),
        answer: String?
    ) async throws -> (ProbeResult, [String]) {
        let server = AnsweringPort(answer: answer)
        defer { server.stop() }
        let result = try await HTTPProbe(check: check, port: server.port, timeout: timeout).run()
        return (result, server.requests)
    }

    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test
    func `a success code passes, whichever of them it is`() async throws {
        #expect(try await probe(Self.check(), answer: Self.fine).0 == .passed)
        #expect(try await probe(Self.check(), answer: "HTTP/1.1 204 No Content\r\n\r\n").0 == .passed)
    }

    @Test
    func `the request is the check's, on a connection of its own`() async throws {
        let (_, requests) = try await probe(
            Self.check(verb: .post, payload: #"{"a":1}"#),
            answer: Self.fine
        )
        let request = try #require(requests.first)
        #expect(request.hasPrefix("POST /healthy?deep=1 HTTP/1.1\r\n"))
        #expect(request.lowercased().contains("\r\nconnection: close\r\n"))
        #expect(request.lowercased().contains("\r\ncontent-length: 7\r\n"))
        #expect(request.hasSuffix("\r\n\r\n" + #"{"a":1}"#))
    }

    @Test
    func `another code fails with the code and the beginning of the answer`() async throws {
        let (result, _) = try await probe(
            Self.check(),
            answer: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 14\r\n\r\nno database\nxx"
        )
        guard case .failed(.status(503), let reason) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(reason.hasSuffix("/healthy?deep=1: 503 Service Unavailable: no database"))
    }

    @Test
    func `a redirect is not followed`() async throws {
        let (result, requests) = try await probe(
            Self.check(),
            answer: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
        )
        guard case .failed(.status(302), _) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(requests.count == 1)
    }

    @Test
    func `an endless body does not hold up the answer`() async throws {
        let head = "HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n"
        let (failed, _) = try await probe(Self.check(), answer: "HOLD" + head + String(repeating: "x", count: 9_000))
        guard case .failed(.status(500), _) = failed else {
            Issue.record("\(failed)")
            return
        }
        #expect(try await probe(Self.check(codes: [500]), answer: "HOLD" + head).0 == .passed)
    }

    @Test
    func `kinds of failure are kept apart`() async throws {
        func kind(_ result: ProbeResult) -> ProbeResult.FailureKind? {
            guard case .failed(let kind, _) = result else { return nil }
            return kind
        }
        let silent = try await probe(Self.check(), timeout: .milliseconds(200), answer: nil).0
        #expect(kind(silent) == .timeout)
        #expect(kind(try await probe(Self.check(), answer: "").0) == .connect)
        let stranger = try await probe(Self.check(), answer: "SSH-2.0-OpenSSH\r\n").0
        #expect(kind(stranger) == .other, "\(stranger)")
        let gone = AnsweringPort(answer: nil)
        gone.stop()
        let refused = try await HTTPProbe(check: Self.check(), port: gone.port, timeout: .seconds(20)).run()
        #expect(kind(refused) == .connect)
    }

    @Test
    func `a connection that is not made in time fails as such`() async throws {
        // A listener whose queue is full: the kernel drops further handshakes.
        let full = AnsweringPort(answer: nil, accepts: false)
        defer { full.stop() }
        let probe = HTTPProbe(
            check: Self.check(connect: DurationText(100, .milliseconds)),
            port: full.port,
            timeout: .seconds(20)
        )
        let result = try await probe.run()
        guard case .failed(.connectTimeout, let reason) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(reason.hasSuffix("no connection within 100 ms"))
    }

    @Test
    func `a cancelled probe ends at once with a cancellation`() async throws {
        let server = AnsweringPort(answer: nil)
        defer { server.stop() }
        let probe = HTTPProbe(check: Self.check(), port: server.port, timeout: .seconds(50))
        let probing = Task { try await probe.run() }
        probing.cancel()
        await #expect(throws: CancellationError.self) { try await probing.value }
    }

    @Test
    func `probes leave no connection behind`() async throws {
        let server = AnsweringPort(answer: Self.fine)
        defer { server.stop() }
        let check = Self.check(connect: DurationText(20, .seconds))
        for _ in 0..<200 {
            #expect(
                try await HTTPProbe(check: check, port: server.port, timeout: .seconds(20)).run() == .passed
            )
        }
        try await eventually("none of 200 is left") { try Self.connections(to: server.port) == 0 }
    }

    /// How many sockets of this machine lead to a port, by the kernel's tables.
    private static func connections(to port: Int) throws -> Int {
        let remote = ":" + String(String(port + 0x1_0000, radix: 16, uppercase: true).dropFirst())
        return try ["/proc/net/tcp", "/proc/net/tcp6"].filter(FileManager.default.fileExists).reduce(0) { count, path in
            count
                + (try String(contentsOfFile: path, encoding: .utf8)).split(separator: "\n").dropFirst().count { line in
                    let words = line.split(separator: " ")
                    // What is closed on both sides is only remembered: TIME_WAIT.
                    return words.count > 3 && words[2].hasSuffix(remote) && words[3] != "06"
                }
        }
    }
}
