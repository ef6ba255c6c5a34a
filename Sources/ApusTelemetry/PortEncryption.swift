import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL

/// What a port is encrypted with: its certificate, with those that lead to who issued it, and the key.
package struct PortEncryption: Sendable {
    /// Why a certificate and a key cannot be used, for people; never the key.
    package struct Unusable: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    fileprivate let context: NIOSSLContext

    /// Takes both in PEM, the port's own certificate first.
    ///
    /// - Throws: `Unusable` if one cannot be read, or they do not belong together.
    package init(certificates: [UInt8], key: [UInt8]) throws(Unusable) {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(certificates)
        } catch {
            throw Unusable(description: "the certificate is not one in PEM")
        }
        guard !chain.isEmpty else { throw Unusable(description: "the certificate is not one in PEM") }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(bytes: key, format: .pem)
        } catch {
            throw Unusable(description: "the key is not one in PEM without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(privateKey)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            // It was read before, so what is wrong is that it is another's.
            throw Unusable(
                description: "the key is not that of the certificate (which must be the first, if there are several)"
            )
        } catch {
            throw Unusable(description: "the certificate and the key cannot be used: \(error)")
        }
    }
}

/// A connection that is encrypted before anything of HTTP is read from it.
struct EncryptedChannel: HTTPChannelHandler {
    typealias Value = HTTP1Channel.Value

    let base: PunctualChannel
    /// Asked for each new connection.
    let encryption: @Sendable () -> PortEncryption
    /// For what Hummingbird's own logger is too loud.
    let log: Logger

    var responder: HTTPChannelHandler.Responder { base.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: encryption().context))
            try pipeline.addHandler(EncryptionFailures(logger: log))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// Tells of connections that could not be encrypted, such as those of a client that speaks plain HTTP; they are closed
/// at once.
private final class EncryptionFailures: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.handshakeFailed = error {
            logger.debug(
                "a connection could not be encrypted",
                metadata: ["source": "\(context.remoteAddress?.ipAddress ?? "")", "error": "\(error)"]
            )
        }
        context.fireErrorCaught(error)
    }
}
