import ApusExecutor
import ApusModel
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTPSProbeTests {
    private static func check(insecure: Bool) -> HTTPCheck {
        HTTPCheck(scheme: .https, portName: "main", path: "/healthy", insecure: insecure)
    }

    /// Probes a server with this certificate; `trusting` it or not.
    private func probe(
        _ certificate: EncryptedPort.Certificate,
        insecure: Bool = false,
        trusting: Bool = false
    ) async throws -> ProbeResult {
        let scratch = try Scratch()
        let file = "\(scratch.path)/trusted.pem"
        try Data(certificate.pem.utf8).write(to: URL(filePath: file))
        let server = try await EncryptedPort(certificate)
        let probe = HTTPProbe(
            check: Self.check(insecure: insecure),
            port: server.port,
            timeout: .seconds(20),
            trustedCertificates: trusting ? file : nil
        )
        let result = try await probe.run()
        try await server.stop()
        return result
    }

    private func failure(_ result: ProbeResult) throws -> (kind: ProbeResult.FailureKind, reason: String) {
        guard case .failed(let kind, let reason) = result else { throw ExecutorError("\(result) is no failure") }
        return (kind, reason)
    }

    @Test(arguments: EncryptedPort.Certificate.allCases)
    func `an insecure check takes any certificate`(certificate: EncryptedPort.Certificate) async throws {
        #expect(try await probe(certificate, insecure: true) == .passed)
    }

    @Test
    func `a certificate of a trusted issuer for localhost passes`() async throws {
        #expect(try await probe(.localhost, trusting: true) == .passed)
    }

    @Test
    func `a certificate of a stranger fails and the reason says what to do`() async throws {
        let (kind, reason) = try failure(try await probe(.localhost))
        #expect(kind == .tls)
        #expect(reason.hasPrefix("https://127.0.0.1:"))
        #expect(reason.contains("the certificate is not trusted on this machine"))
        #expect(reason.contains("insecure"))
    }

    @Test
    func `a trusted certificate for another name fails`() async throws {
        let (kind, reason) = try failure(try await probe(.elsewhere, trusting: true))
        #expect(kind == .tls)
        #expect(reason.contains("made out to another name. Make it out to localhost"))
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH\r\n"])
    func `a port that speaks something else fails as such`(answer: String) async throws {
        let server = AnsweringPort(answer: answer, isDeaf: true)
        defer { server.stop() }
        let probe = HTTPProbe(check: Self.check(insecure: true), port: server.port, timeout: .seconds(20))
        #expect(try failure(try await probe.run()).kind == .tls)
    }

    @Test
    func `a connection that is closed in the handshake is nobody listening`() async throws {
        let server = AnsweringPort(answer: "", isDeaf: true)
        defer { server.stop() }
        let probe = HTTPProbe(check: Self.check(insecure: true), port: server.port, timeout: .seconds(20))
        let (kind, reason) = try failure(try await probe.run())
        #expect(kind == .connect, "\(reason)")
    }

    @Test
    func `an answer holds, and is told, though the other side says no goodbye`() async throws {
        let server = try await EncryptedPort(.localhost, leavesGoodbye: true)
        let probe = HTTPProbe(check: Self.check(insecure: true), port: server.port, timeout: .seconds(3))
        var result: ProbeResult?
        let took = try await ContinuousClock().measure { result = try await probe.run() }
        #expect(result == .passed)
        // TLS would wait five seconds for it.
        #expect(took < .seconds(4))
        try await server.stop()
    }

    @Test
    func `a handshake that nobody answers ends with the check's time`() async throws {
        let server = AnsweringPort(answer: nil, isDeaf: true)
        defer { server.stop() }
        let probe = HTTPProbe(check: Self.check(insecure: true), port: server.port, timeout: .milliseconds(200))
        #expect(try failure(try await probe.run()).kind == .timeout)
    }
}
