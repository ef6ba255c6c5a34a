import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why the admin port cannot be served, for the person who started it.
package struct AdminError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Serves numbers and health on a port of their own, as Drove does.
package struct AdminServer: Service {
    private static let idleConnection = Duration.seconds(30)
    /// More wait until one of them ends.
    private static let mostConnections = 32
    /// Of the head of a request; bodies are not read.
    private static let longestHead = 16 << 10

    private let pages: AdminPages
    private let address: String
    private let port: Int
    private let encryption: (@Sendable () -> PortEncryption)?
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// `onListening` is told the port that is listened on, which is another one only if `port` is 0; `encryption` is
    /// that of a `ListeningPort`.
    package init(
        _ telemetry: Telemetry,
        address: String,
        port: Int,
        encryption: (@Sendable () -> PortEncryption)? = nil,
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        pages = AdminPages(telemetry)
        self.address = address
        self.port = port
        self.encryption = encryption
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until a graceful shutdown or cancellation.
    ///
    /// - Throws: `AdminError` if it cannot listen.
    package func run() async throws {
        let listening = ListeningPort(
            address,
            port,
            Self.configuration,
            limit: Self.mostConnections,
            encryption: encryption
        )
        do {
            try await listening.serve(AdminResponder(pages: pages), logger: logger, onListening: onListening)
        } catch let failure as ListenFailure {
            throw AdminError(
                description: "Metrics and health cannot be served on \(address):\(port): \(failure.reason). "
                    + "Give another address with --admin-address, or --admin-address none."
            )
        }
    }

    private static var configuration: HTTP1Channel.Configuration {
        var configuration = HTTP1Channel.Configuration.bounded(idle: idleConnection)
        configuration.httpDecoder = .init(
            maxHeaderFieldSize: longestHead,
            maxHeaderListSize: longestHead,
            maxHeaderFieldCount: 100
        )
        return configuration
    }
}

private struct AdminResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let pages: AdminPages

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let page = pages.page(
            request.method.rawValue,
            request.uri.path,
            accept: request.headers[.accept] ?? ""
        )
        let response = Response(
            status: HTTPResponse.Status(code: page.status),
            headers: [.contentType: page.contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: page.body))
        )
        return request.method == .head ? response.createHeadResponse() : response
    }
}
