import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension ClientError {
    /// What it means that a call of that URL failed before an answer came; a cancellation stays one.
    static func translated(_ error: any Error, _ url: String) -> any Error {
        switch error {
        case is CancellationError, is ClientError: error
        case let failure as HTTPClientError: translated(failure, url)
        case let failure as IOError where failure.errnoCode == ECONNREFUSED:
            ClientError(.unreachable(url), "\(url) cannot be reached: nobody listens there", isUnsent: true)
        case let failure as NIOConnectionError:
            ClientError(.unreachable(url), "\(url) cannot be reached: \(explanation(of: failure))", isUnsent: true)
        case is HTTPParserError:
            ClientError(.unreachable(url), "\(url) cannot be reached: no HTTP is spoken there; is it https://?")
        default:
            encryption(error).map { ClientError(.untrusted(url), "\(url) cannot be trusted: \($0)") }
                ?? ClientError(.unreachable(url), "\(url) cannot be reached: \(error)")
        }
    }

    private static func translated(_ failure: HTTPClientError, _ url: String) -> any Error {
        switch failure {
        case .cancelled: CancellationError()
        case .invalidURL, .emptyHost, .emptyScheme:
            ClientError(.unreachable(url), "\(url) is not an address that can be called")
        case .connectTimeout:
            ClientError(.unreachable(url), "\(url) cannot be reached: it takes no connection", isUnsent: true)
        case .remoteConnectionClosed:
            ClientError(.unreachable(url), "\(url) closed the connection before it answered")
        default: ClientError(.unreachable(url), "\(url) cannot be reached: \(failure)")
        }
    }

    /// What is wrong with an encrypted connection and what to do; `nil` if the error is about something else.
    private static func encryption(_ error: any Error) -> String? {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack.contains(.eofDuringHandshake):
            // Whoever closes the connection may just be starting or ending.
            return nil
        case NIOSSLError.uncleanShutdown: return nil
        case NIOSSLError.handshakeFailed(let failure): return explanation(of: "\(failure)")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return "its certificate is made out to another name: make it out to the one that is called too"
        case is NIOSSLExtraError, is NIOSSLError, is BoringSSLError: return "\(error)"
        default: return nil
        }
    }

    /// Of all addresses of a name.
    private static func explanation(of failure: NIOConnectionError) -> String {
        var texts: [String] = []
        for single in failure.connectionErrors {
            let text =
                switch single.error {
                case let error as IOError where error.errnoCode == ECONNREFUSED: "nobody listens there"
                case let error as IOError: String(cString: strerror(error.errnoCode))
                default: "\(single.error)"
                }
            if !texts.contains(text) { texts.append(text) }
        }
        // Without any its name was not found.
        return texts.isEmpty ? "\(failure)" : texts.joined(separator: ", ")
    }

    private static func explanation(of text: String) -> String {
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "whoever issued its certificate is not known here, or it is not valid now. "
                + "Name the certificate of who issued it with --ca-certificate"
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return "no TLS is spoken there; is it http://?"
        }
        return "no encrypted connection: \(text)"
    }
}
