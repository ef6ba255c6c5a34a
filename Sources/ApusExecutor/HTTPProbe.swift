package import ApusModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// What one try of a check found.
package enum ProbeResult: Hashable, Sendable {
    package enum FailureKind: Hashable, Sendable {
        /// No connection, or it broke before an answer came.
        case connect
        /// No connection in time.
        case connectTimeout
        /// No answer in time.
        case timeout
        /// An answer whose code is no success.
        case status(Int)
        /// The encrypted connection could not be made.
        case tls
        /// The check cannot be made at all.
        case other
    }
    case passed
    /// `reason` is for people.
    case failed(FailureKind, reason: String)
}

/// One HTTP request to a published port, to find out how an instance is.
///
/// Each try makes a connection of its own: a pooled one might lead to a container that is gone. Redirects are not
/// followed. The answer's code decides; of its body only the beginning is read, for the reason of a failure.
package struct HTTPProbe: Hashable, Sendable {
    /// How much of an answer's body is shown at most.
    private static let shownBody = 200
    /// The contract's default.
    private static let standardConnectTimeout = Duration.seconds(1)

    package var check: HTTPCheck
    package var address: String
    package var port: Int
    /// Of the whole try.
    package var timeout: Duration
    /// A file of certificates (PEM) whose holders may issue others; `nil`: those that this machine trusts.
    package var trustedCertificates: String?

    package init(
        check: HTTPCheck,
        address: String = "127.0.0.1",
        port: Int,
        timeout: Duration,
        trustedCertificates: String? = nil
    ) {
        self.check = check
        self.address = address
        self.port = port
        self.timeout = timeout
        self.trustedCertificates = trustedCertificates
    }

    /// Makes the request once.
    ///
    /// - Throws: `CancellationError` alone, when the task was cancelled.
    package func run() async throws(CancellationError) -> ProbeResult {
        try await run(on: MultiThreadedEventLoopGroup.singleton.next())
    }

    /// As `run`, with its connection on a given loop.
    func run(on loop: any EventLoop) async throws(CancellationError) -> ProbeResult {
        let verdict = Verdict()
        let result = await withTaskGroup(of: ProbeResult?.self) { group in
            defer { group.cancelAll() }
            group.addTask { await ask(on: loop, verdict) }
            group.addTask { await timeLimit() }
            return await group.next() ?? nil
        }
        guard let result, !Task.isCancelled else { throw CancellationError() }
        return verdict.result.withLock(\.self) ?? result
    }

    /// What is known once the answer's code has come: it holds whatever becomes of the rest, the goodbye included.
    private final class Verdict: Sendable {
        let result = Mutex<ProbeResult?>(nil)
    }

    /// `nil` if cancelled.
    private func timeLimit() async -> ProbeResult? {
        do {
            try await Task.sleep(for: timeout)
            return overdue
        } catch {
            return nil
        }
    }

    private var overdue: ProbeResult { .failed(.timeout, reason: "\(url): no answer within \(timeout)") }

    var url: String { "\(check.scheme == .https ? "https" : "http")://\(address):\(port)\(path)" }

    private var path: String { check.path.hasPrefix("/") ? check.path : "/\(check.path)" }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    /// `nil` if cancelled.
    private func ask(on loop: any EventLoop, _ verdict: Verdict) async -> ProbeResult? {
        do {
            let encryption = check.scheme == .https ? try await TLSContexts.shared.context(trust) : nil
            let connection = try await connect(on: loop, encryptedBy: encryption)
            return try await connection.executeThenClose { inbound, outbound in
                do {
                    try await outbound.write(contentsOf: request)
                } catch {
                    // Whoever answers and closes before it has read everything breaks the write: what came in tells.
                }
                return try await judge(inbound, verdict)
            }
        } catch is CancellationError {
            return nil
        } catch let error as ChannelError {
            return failed(toConnect: error)
        } catch is HTTPParserError {
            return .failed(.other, reason: "\(url): the answer is not HTTP")
        } catch {
            return encryptionFailure(error) ?? .failed(.connect, reason: "\(url): \(error)")
        }
    }

    private func failed(toConnect error: ChannelError) -> ProbeResult {
        if case .connectTimeout(let limit) = error {
            // All of the check's own time was up.
            guard limit.nanoseconds < timeout.nanoseconds else { return overdue }
            return .failed(.connectTimeout, reason: "\(url): no connection within \(limit.nanoseconds / 1_000_000) ms")
        }
        return .failed(.connect, reason: "\(url): \(error)")
    }

    private func connect(
        on loop: any EventLoop,
        encryptedBy encryption: NIOSSLContext?
    ) async throws -> Connection {
        let limit = min(check.connectionTimeout?.duration ?? Self.standardConnectTimeout, timeout)
        return try await ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(limit.nanoseconds))
            .connect(to: SocketAddress(ipAddress: address, port: port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let encryption {
                        let handler = try NIOSSLClientHandler(context: encryption, serverHostname: serverName)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private var request: [HTTPClientRequestPart] {
        let payload = check.payload.map { ByteBuffer(string: $0) }
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: check.verb.rawValue), uri: path)
        head.headers.add(name: "Host", value: "\(address):\(port)")
        head.headers.add(name: "User-Agent", value: "apus")
        head.headers.add(name: "Connection", value: "close")
        if payload != nil || check.verb != .get {
            head.headers.add(name: "Content-Length", value: String(payload?.readableBytes ?? 0))
        }
        if payload != nil { head.headers.add(name: "Content-Type", value: "application/json") }
        return [.head(head)] + (payload.map { [.body(.byteBuffer($0))] } ?? []) + [.end(nil)]
    }

    private func judge(
        _ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        _ verdict: Verdict
    ) async throws -> ProbeResult {
        var status: HTTPResponseStatus?
        var body: [UInt8] = []
        reading: for try await part in parts {
            switch part {
            case .head(let head):
                // 100 and its like come before the answer proper.
                guard head.status.code >= 200 else { continue }
                if check.successCodes.contains(Int(head.status.code)) {
                    verdict.result.withLock { $0 = .passed }
                    return .passed
                }
                status = head.status
                verdict.result.withLock { $0 = failure(head.status, body: []) }
            case .body(let chunk):
                body.append(contentsOf: chunk.readableBytesView.prefix(Self.shownBody - body.count))
                if body.count >= Self.shownBody { break reading }
            case .end: break reading
            }
        }
        try Task.checkCancellation()
        guard let status else {
            return .failed(.connect, reason: "\(url): the connection was closed before an answer came")
        }
        let result = failure(status, body: body)
        verdict.result.withLock { $0 = result }
        return result
    }

    private func failure(_ status: HTTPResponseStatus, body: [UInt8]) -> ProbeResult {
        let text = String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
        return .failed(
            .status(Int(status.code)),
            reason: "\(url): \(status.code) \(status.reasonPhrase)\(text.isEmpty ? "" : ": \(text)")"
        )
    }
}
