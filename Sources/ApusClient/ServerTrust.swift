import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// By which certificates a server is known to be the one that was meant; without TLS nothing is asked.
package struct ServerTrust: Sendable {
    /// Those issued by whom this machine trusts.
    package static let system = ServerTrust(pools: ConnectionPools(.fullVerification, roots: nil))
    /// Any: whoever stands in between can read and change what is said.
    package static let anybody = ServerTrust(pools: ConnectionPools(.none, roots: nil))

    /// Why certificates cannot be used.
    package struct Unusable: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// Connections that were made on this trust serve nobody else.
    let pools: ConnectionPools

    /// Pools stay for as long as the process: a closed one could not be told from a failing node.
    private static let known = Mutex<[[NIOSSLCertificate]: ConnectionPools]>([:])

    private init(pools: ConnectionPools) { self.pools = pools }

    /// Those issued by whom these certificates (PEM) name, and nobody else.
    ///
    /// - Throws: `Unusable` if there is none, or one cannot be read.
    package init(authorities pem: [UInt8]) throws(Unusable) {
        let roots: [NIOSSLCertificate]
        do {
            roots = try NIOSSLCertificate.fromPEMBytes(pem)
        } catch {
            throw Unusable(description: "it holds no certificates in PEM")
        }
        guard !roots.isEmpty else { throw Unusable(description: "it holds no certificates in PEM") }
        pools = Self.known.withLock { known in
            let pools = known[roots] ?? ConnectionPools(.fullVerification, roots: .certificates(roots))
            known[roots] = pools
            return pools
        }
    }
}

/// The connections of this process, by what is asked over them: what takes long must not keep others waiting.
final class ConnectionPools: Sendable {
    /// Whole answers, soon.
    let calls: HTTPClient
    /// Log files; a body that stands still is given up.
    let logs: HTTPClient
    /// Streams; one that says nothing for so long is broken.
    let streams: HTTPClient
    /// Commands in containers: none is read from while nothing is wanted of it, so nothing is timed here.
    let commands: HTTPClient

    init(_ verification: CertificateVerification, roots: NIOSSLTrustRoots?) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = verification
        tls.trustRoots = roots
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(2)
        // An address that nobody listens on is told at once, not after the connect timeout.
        configuration.connectionPool.retryConnectionEstablishment = false
        let group = MultiThreadedEventLoopGroup.singleton
        calls = HTTPClient(eventLoopGroup: group, configuration: configuration)
        configuration.timeout.read = .seconds(60)
        streams = HTTPClient(eventLoopGroup: group, configuration: configuration)
        configuration.timeout.read = .seconds(30)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        logs = HTTPClient(eventLoopGroup: group, configuration: configuration)
        configuration.timeout.read = nil
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        commands = HTTPClient(eventLoopGroup: group, configuration: configuration)
    }
}
