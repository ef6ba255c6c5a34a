import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// One HTTP request and its whole answer, with a deadline over all of it.
struct HTTPCall: Sendable {
    /// What came back, whatever its status.
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
        /// Which executor it is from, if a controller says so.
        var executor: String?
    }

    /// The longest answer that is read whole.
    private static let longestAnswer = 64 << 20

    /// One pool for the process, never shut down: a closed one could not be told from a failing node.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(2)
        // An address that nobody listens on is told at once, not after the connect timeout.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }()

    var method: HTTPMethod
    var url: String
    var body: [UInt8]?
    /// Calls that may take long have connections of their own, so that others need not wait for one.
    var client = Self.client

    /// Sends it.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    func answer(within limit: Duration) async throws -> Answer {
        do {
            return try await withDeadline(
                limit,
                late: { ClientError(.timedOut, "\(url) did not answer within \(limit)") },
                execute
            )
        } catch {
            throw translated(error)
        }
    }

    private func execute() async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response = try await client.execute(request, deadline: .distantFuture)
        let bytes = try await response.body.collect(upTo: Self.longestAnswer)
        return Answer(
            status: Int(response.status.code),
            body: Array(bytes.readableBytesView),
            executor: response.headers.first(name: "Apus-Executor")
        )
    }

    private func translated(_ error: any Error) -> any Error {
        switch error {
        case is CancellationError, is ClientError: error
        case let failure as HTTPClientError: translated(failure)
        case let failure as IOError where failure.errnoCode == ECONNREFUSED:
            ClientError(.unreachable(url), "\(url) cannot be reached: nobody listens there")
        default: ClientError(.unreachable(url), "\(url) cannot be reached: \(error)")
        }
    }

    private func translated(_ failure: HTTPClientError) -> any Error {
        switch failure {
        case .cancelled: CancellationError()
        case .invalidURL, .emptyHost, .emptyScheme:
            ClientError(.unreachable(url), "\(url) is not an address that can be called")
        case .connectTimeout: ClientError(.unreachable(url), "\(url) cannot be reached: it takes no connection")
        case .remoteConnectionClosed:
            ClientError(.unreachable(url), "\(url) closed the connection before it answered")
        default: ClientError(.unreachable(url), "\(url) cannot be reached: \(failure)")
        }
    }

    /// Percent-encodes all but letters, digits and the four marks that every part of a URL allows.
    static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
