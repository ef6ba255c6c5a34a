import ApusModel
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Which certificates a check by HTTPS takes.
enum CertificateTrust: Hashable, Sendable {
    /// Any, expired and self-made ones too.
    case any
    /// Valid ones for the name that is asked, issued by whom this machine trusts.
    case system
    /// As `system`, by whom a file of certificates names.
    case file(String)
}

/// What a client needs to encrypt, made once for each trust: the system's certificates take milliseconds to read.
final class TLSContexts: Sendable {
    static let shared = TLSContexts()

    /// For the other side's goodbye, on which no check's outcome depends.
    private static let goodbye = TimeAmount.milliseconds(50)

    private let made = Mutex<[CertificateTrust: NIOSSLContext]>([:])

    func context(_ trust: CertificateTrust) async throws -> NIOSSLContext {
        if let context = made.withLock({ $0[trust] }) { return context }
        // It reads files.
        let context = try await NIOThreadPool.singleton.runIfActive {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.shutdownTimeout = Self.goodbye
            switch trust {
            case .any: configuration.certificateVerification = .none
            case .system: break
            case .file(let path): configuration.trustRoots = .file(path)
            }
            return try NIOSSLContext(configuration: configuration)
        }
        made.withLock { $0[trust] = context }
        return context
    }
}

extension HTTPProbe {
    /// The name that a certificate must have: Drove asks `localhost`; any other place is known by its address alone.
    var serverName: String? { address.isLoopbackHost ? "localhost" : nil }

    var trust: CertificateTrust {
        check.insecure ? .any : trustedCertificates.map(CertificateTrust.file) ?? .system
    }

    /// What a failure to encrypt means; `nil` if the error is none.
    func encryptionFailure(_ error: any Error) -> ProbeResult? {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack.contains(.eofDuringHandshake):
            // The port proxy of a container engine does that while nothing listens behind it.
            unanswered
        case NIOSSLError.uncleanShutdown:
            unanswered
        case NIOSSLError.handshakeFailed(let failure):
            .failed(.tls, reason: "\(url): \(explanation(of: failure))")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            .failed(
                .tls,
                reason: """
                    \(url): the certificate is made out to another name. Make it out to \(serverName ?? "this address") \
                    too, or set insecure in the check
                    """
            )
        case is NIOSSLExtraError, is NIOSSLError, is BoringSSLError:
            .failed(.tls, reason: "\(url): \(error)")
        default: nil
        }
    }

    private func explanation(of failure: BoringSSLError) -> String {
        let text = "\(failure)"
        return if text.contains("CERTIFICATE_VERIFY_FAILED") {
            """
            the certificate is not trusted on this machine (unknown issuer, or not valid now). Set insecure in the \
            check to take any certificate
            """
        } else if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            "no TLS is spoken there; does the check mean HTTP?"
        } else {
            "no encrypted connection: \(text)"
        }
    }
}
