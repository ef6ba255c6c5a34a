import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A TCP port of this machine that answers 200 to every HTTPS request.
final class EncryptedPort: Sendable {
    /// Whom its certificate is made out to; it is its own issuer and worth nothing outside of these tests.
    enum Certificate: CaseIterable {
        case localhost
        case elsewhere
    }

    private let channel: any Channel

    /// Listens when it is made.
    ///
    /// One that `leavesGoodbye` reads nothing more after its answer: no goodbye is returned.
    init(_ certificate: Certificate, leavesGoodbye: Bool = false) async throws {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.pem.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.key.utf8), format: .pem))
        )
        configuration.applicationProtocols = ["http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(OK(leavesGoodbye: leavesGoodbye))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }

    func stop() async throws { try await channel.close() }

    private final class OK: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let leavesGoodbye: Bool

        init(leavesGoodbye: Bool) { self.leavesGoodbye = leavesGoodbye }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            if leavesGoodbye { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Length": "0"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

extension EncryptedPort.Certificate {
    /// Valid until 2126.
    var pem: String {
        switch self {
        case .localhost: Self.localhostCertificate
        case .elsewhere: Self.elsewhereCertificate
        }
    }

    fileprivate var key: String {
        switch self {
        case .localhost: Self.localhostKey
        case .elsewhere: Self.elsewhereKey
        }
    }

    private static let localhostCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIUfJO2u+F5JAZQQe0zzR6WpxNTvoYwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTExMTM1MFoYDzIxMjYxMDI4
        MTExMzUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAATHnZT+mpKil7TUvj8cIThrx8GIr3bHizlwlqS8hPheo0CO8RveHDSh
        BWrOJJX98Gp5z9xOfS2IDALL53w32Rfho2kwZzAdBgNVHQ4EFgQUVT4b3+k+gBH2
        xuu34r10burgF/swHwYDVR0jBBgwFoAUVT4b3+k+gBH2xuu34r10burgF/swDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SAAwRQIgALoywHH2skB51j0u7XcKKOhATL1kgvfE3OdCTkvKaY0CIQD8tHAHd9Tx
        6ei2LBOt5kpdnlIJQG5qPqkDJPKfCjCSPg==
        -----END CERTIFICATE-----
        """

    private static let localhostKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIDfnzkqNbL/hMzjWH4Cj7Sjr4/T3hmi9OIfIYTzBIMUdoAoGCCqGSM49
        AwEHoUQDQgAEx52U/pqSope01L4/HCE4a8fBiK92x4s5cJakvIT4XqNAjvEb3hw0
        oQVqziSV/fBqec/cTn0tiAwCy+d8N9kX4Q==
        -----END EC PRIVATE KEY-----
        """

    private static let elsewhereCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBrTCCAVOgAwIBAgIUITSmg534A5Si+woDFvP21HGqSl8wCgYIKoZIzj0EAwIw
        HDEaMBgGA1UEAwwRZWxzZXdoZXJlLmV4YW1wbGUwIBcNMjYxMTIxMTExMzUwWhgP
        MjEyNjEwMjgxMTEzNTBaMBwxGjAYBgNVBAMMEWVsc2V3aGVyZS5leGFtcGxlMFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExwbpqr9LcAzYTBcq4O3P1rUr6mGhM5aY
        YJPAjOygP+EUgTr3Zo1GY6T2kQzvaRdbGoXx+At33hQzR5a8HG70H6NxMG8wHQYD
        VR0OBBYEFA/Tz+4cOl+j7NIPIVeo12cGB9WaMB8GA1UdIwQYMBaAFA/Tz+4cOl+j
        7NIPIVeo12cGB9WaMA8GA1UdEwEB/wQFMAMBAf8wHAYDVR0RBBUwE4IRZWxzZXdo
        ZXJlLmV4YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIhAMsc52A1B21ixh9bURJJPXmq
        4WE0MkvKww3pbCk+it1tAiAEW/dRwFzS7h3VB1viSzgAxTqEVkSDSrcXgB61V19H
        yg==
        -----END CERTIFICATE-----
        """

    private static let elsewhereKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIJfRF2D9Ukgt3sztqTPJTpMS/hKfcXQKkjb+QKBwS4heoAoGCCqGSM49
        AwEHoUQDQgAExwbpqr9LcAzYTBcq4O3P1rUr6mGhM5aYYJPAjOygP+EUgTr3Zo1G
        Y6T2kQzvaRdbGoXx+At33hQzR5a8HG70Hw==
        -----END EC PRIVATE KEY-----
        """
}
