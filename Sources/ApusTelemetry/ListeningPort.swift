package import Hummingbird
package import HummingbirdCore
package import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A port cannot be listened on; the text says why.
package struct ListenFailure: Error, Hashable, Sendable {
    package var reason: String
}

/// A port of this node on which HTTP is served.
package struct ListeningPort: Sendable {
    package var address: String
    /// 0 for any that is free.
    package var port: Int
    package var configuration: HTTP1Channel.Configuration
    /// Of connections at once, the others wait; `nil` sets no limit.
    package var limit: Int?
    /// How long the head of a request may take to arrive whole, from its first byte on, and the rest of a body that was
    /// answered before it came.
    package var headArrival: Duration
    /// Asked for each new connection; `nil`: nothing is encrypted.
    package var encryption: (@Sendable () -> PortEncryption)?

    package init(
        _ address: String,
        _ port: Int,
        _ configuration: HTTP1Channel.Configuration,
        limit: Int? = nil,
        headArrival: Duration = .seconds(10),
        encryption: (@Sendable () -> PortEncryption)? = nil
    ) {
        self.address = address
        self.port = port
        self.configuration = configuration
        self.limit = limit
        self.headArrival = headArrival
        self.encryption = encryption
    }

    /// Serves until a graceful shutdown, which lets requests under way finish, or cancellation.
    ///
    /// `onListening` is told the port that is listened on.
    ///
    /// - Throws: `ListenFailure` if it cannot listen.
    package func serve<Responder: HTTPResponder>(
        _ responder: Responder,
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        // At its end the server reports the connections it cuts as errors; what matters is thrown.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            responder: responder,
            server: server(logger),
            configuration: ApplicationConfiguration(
                address: .hostname(address, port: port),
                availableConnectionsDelegate: limit.map { MaximumAvailableConnections($0) }
            ),
            onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
            logger: quiet
        )
        do {
            try await application.run()
        } catch let error as IOError {
            throw ListenFailure(reason: Self.reason(error))
        }
    }

    private func server(_ logger: Logger) -> HTTPServerBuilder {
        var configuration = configuration
        let others = configuration.additionalChannelHandlers
        configuration.additionalChannelHandlers = { others() + [RequestHeads()] }
        return HTTPServerBuilder { [configuration, headArrival, encryption] responder in
            let plain = PunctualChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration),
                headArrival: headArrival
            )
            guard let encryption else { return plain }
            return EncryptedChannel(base: plain, encryption: encryption, log: logger)
        }
    }

    private static func reason(_ error: IOError) -> String {
        switch error.errnoCode {
        case EADDRINUSE: "another program listens there"
        case EADDRNOTAVAIL: "this machine does not have that address"
        default: "\(error)"
        }
    }
}
