package import ApusModel
import NIOCore
import NIOHTTP1
import NIOPosix

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
    static let shownBody = 200
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
        let givenUp = loop.makePromise(of: Void.self)
        let result = await withTaskCancellationHandler {
            await ask(on: loop, until: givenUp.futureResult)
        } onCancel: {
            givenUp.succeed()
        }
        givenUp.succeed()
        guard !Task.isCancelled else { throw CancellationError() }
        return result
    }

    private func ask(on loop: any EventLoop, until givenUp: EventLoopFuture<Void>) async -> ProbeResult {
        do {
            let encryption = check.scheme == .https ? try await TLSContexts.shared.context(trust) : nil
            return try await loop.flatSubmit {
                HTTPProbeCourse.run(self, encryptedBy: encryption, on: loop, until: givenUp)
            }.get()
        } catch {
            return failure(error)
        }
    }

    var overdue: ProbeResult { .failed(.timeout, reason: "\(url): no answer within \(timeout)") }

    var url: String { "\(check.scheme == .https ? "https" : "http")://\(address):\(port)\(path)" }

    private var path: String { check.path.hasPrefix("/") ? check.path : "/\(check.path)" }

    /// For the connection alone.
    var connectLimit: Duration { min(check.connectionTimeout?.duration ?? Self.standardConnectTimeout, timeout) }

    var unanswered: ProbeResult {
        .failed(.connect, reason: "\(url): the connection was closed before an answer came")
    }

    /// What it means that this went wrong before an answer came.
    func failure(_ error: any Error) -> ProbeResult {
        switch error {
        case let error as ChannelError: failed(toConnect: error)
        case is HTTPParserError: .failed(.other, reason: "\(url): the answer is not HTTP")
        default: encryptionFailure(error) ?? .failed(.connect, reason: "\(url): \(error)")
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

    var request: [HTTPClientRequestPart] {
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

    /// What an answer with this code means; of its body the first line is shown.
    func failure(_ status: HTTPResponseStatus, body: [UInt8]) -> ProbeResult {
        let text = String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
        return .failed(
            .status(Int(status.code)),
            reason: "\(url): \(status.code) \(status.reasonPhrase)\(text.isEmpty ? "" : ": \(text)")"
        )
    }
}
