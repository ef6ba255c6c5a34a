import ApusModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// HTTP to one engine over its Unix socket.
struct EngineConnection: Sendable {
    /// The longest answer that is read whole: a list of some ten thousand containers.
    private static let longestAnswer = 64 << 20
    /// Of an answer that comes in lines.
    static let longestLine = 1 << 20
    /// Eight by default; each container that is being stopped holds one for its whole grace.
    private static let mostCalls = 256
    /// One for each container whose output is followed: many more than a machine runs.
    private static let mostStreams = 16_384

    let socketPath: String
    /// Without a read timeout: a stop and an event stream are silent for long; each call has its own deadline.
    private let calls: HTTPClient
    /// Gives up when the engine sends nothing for a while.
    private let pulls: HTTPClient
    /// For what lasts: however many streams are open, no call waits for a connection.
    private let streams: HTTPClient

    init(socketPath: String, pullStall: TimeAmount) {
        self.socketPath = socketPath
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.mostCalls
        // A socket that nobody listens on is told at once, not after the connect timeout.
        configuration.connectionPool.retryConnectionEstablishment = false
        let group = MultiThreadedEventLoopGroup.singleton
        calls = HTTPClient(eventLoopGroup: group, configuration: configuration)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.mostStreams
        streams = HTTPClient(eventLoopGroup: group, configuration: configuration)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.mostCalls
        configuration.timeout.read = pullStall
        pulls = HTTPClient(eventLoopGroup: group, configuration: configuration)
    }

    func shutdown() async throws {
        try await calls.shutdown()
        try await pulls.shutdown()
        try await streams.shutdown()
    }

    /// One call and its whole answer, whatever its status; all of it within `limit`.
    func call(
        _ method: HTTPMethod,
        _ path: String,
        query: KeyValuePairs<String, String> = [:],
        body: JSON? = nil,
        within limit: Duration,
        doing: String
    ) async throws -> EngineAnswer {
        let request = request(method, path, query: query, body: body)
        return try await bounded(by: limit, doing: doing) {
            let response = try await calls.execute(request, deadline: .distantFuture)
            let bytes = try await response.body.collect(upTo: Self.longestAnswer)
            try Task.checkCancellation()
            return EngineAnswer(status: Int(response.status.code), body: Array(bytes.readableBytesView))
        }
    }

    /// One call that sends bytes as they are, and its whole answer; all of it within `limit`.
    func upload(
        _ bytes: [UInt8],
        to path: String,
        query: KeyValuePairs<String, String>,
        within limit: Duration,
        doing: String
    ) async throws -> EngineAnswer {
        var request = request(.PUT, path, query: query, body: nil)
        request.headers.add(name: "Content-Type", value: "application/x-tar")
        request.body = .bytes(ByteBuffer(bytes: bytes))
        let asked = request
        return try await bounded(by: limit, doing: doing) {
            let response = try await calls.execute(asked, deadline: .distantFuture)
            let bytes = try await response.body.collect(upTo: Self.longestAnswer)
            try Task.checkCancellation()
            return EngineAnswer(status: Int(response.status.code), body: Array(bytes.readableBytesView))
        }
    }

    /// One call whose answer is a long list of lines; `each` sees every line as it comes, all within `limit`.
    func pull(
        _ path: String,
        query: KeyValuePairs<String, String>,
        headers: KeyValuePairs<String, String> = [:],
        within limit: Duration,
        doing: String,
        each: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws -> EngineAnswer {
        var request = request(.POST, path, query: query, body: nil)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let asked = request
        return try await bounded(by: limit, doing: doing) {
            let response = try await pulls.execute(asked, deadline: .distantFuture)
            let status = Int(response.status.code)
            guard status < 400 else {
                let bytes = try await response.body.collect(upTo: Self.longestAnswer)
                return EngineAnswer(status: status, body: Array(bytes.readableBytesView))
            }
            var unread: [UInt8] = []
            for try await chunk in response.body {
                unread.append(contentsOf: chunk.readableBytesView)
                while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                    try each(Array(unread[..<end]))
                    unread.removeSubrange(...end)
                }
                guard unread.count <= Self.longestLine else {
                    throw ContainerError(.unreadable, doing: doing, message: "a line of progress is longer than 1 MiB")
                }
            }
            try Task.checkCancellation()
            if !unread.isEmpty { try each(unread) }
            return EngineAnswer(status: status, body: [])
        }
    }

    /// One call whose body is read by the caller for as long as it lasts; only its beginning is bounded.
    func stream(
        _ path: String,
        method: HTTPMethod = .GET,
        query: KeyValuePairs<String, String> = [:],
        body: JSON? = nil,
        beginningWithin limit: Duration,
        doing: String
    ) async throws -> HTTPClientResponse.Body {
        let request = request(method, path, query: query, body: body)
        return try await bounded(by: limit, doing: doing) {
            let response = try await streams.execute(request, deadline: .distantFuture)
            guard response.status == .ok else {
                let bytes = try await response.body.collect(upTo: Self.longestAnswer)
                let answer = EngineAnswer(status: Int(response.status.code), body: Array(bytes.readableBytesView))
                throw ContainerError(answer: answer, doing: doing)
            }
            return response.body
        }
    }

    private func request(
        _ method: HTTPMethod,
        _ path: String,
        query: KeyValuePairs<String, String>,
        body: JSON?
    ) -> HTTPClientRequest {
        var url = "http+unix://\(Self.encoded(socketPath))\(path)"
        for (index, item) in query.enumerated() {
            url += "\(index == 0 ? "?" : "&")\(item.key)=\(Self.encoded(item.value))"
        }
        var request = HTTPClientRequest(url: url)
        request.method = method
        // The client sends none to a socket, and the engine refuses a request without one.
        request.headers.add(name: "Host", value: "docker")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        return request
    }

    /// Percent-encodes all but letters, digits and the four marks that every part of a URL allows.
    static func encoded(_ text: String, keeping kept: String = "") -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where kept.utf8.contains(byte):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    /// Runs `work` and cancels it when the time is up; its errors become `ContainerError`.
    func bounded<Value: Sendable>(
        by limit: Duration,
        doing: String,
        work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await work() }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw ContainerError(
                        .timedOut,
                        doing: doing,
                        message: "the engine at \(socketPath) did not finish within \(limit)"
                    )
                }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
        } catch {
            throw Self.error(for: error, doing: doing)
        }
    }

    /// What a failed call means; a cancellation stays one.
    static func error(for error: any Error, doing: String) -> any Error {
        switch error {
        case is CancellationError, is ContainerError: error
        case let failure as HTTPClientError: translated(failure, doing: doing)
        case let failure as IOError: ContainerError(.unreachable, doing: doing, message: reason(of: failure))
        default: ContainerError(.unreachable, doing: doing, message: "\(error)")
        }
    }

    private static func translated(_ failure: HTTPClientError, doing: String) -> any Error {
        switch failure {
        case .cancelled: CancellationError()
        case .readTimeout:
            ContainerError(.timedOut, doing: doing, message: "the engine sent nothing for too long")
        case .connectTimeout:
            ContainerError(.unreachable, doing: doing, message: "the engine takes no connection")
        case .remoteConnectionClosed:
            ContainerError(.unreachable, doing: doing, message: "the engine closed the connection")
        default: ContainerError(.unreachable, doing: doing, message: "\(failure)")
        }
    }

    private static func reason(of failure: IOError) -> String {
        switch failure.errnoCode {
        case ENOENT: "there is no socket: is the container engine installed and running? (\(failure))"
        case ECONNREFUSED: "no container engine listens on the socket: is it running? (\(failure))"
        case EACCES: "this user may not use the engine's socket: add it to the group docker (\(failure))"
        default: "\(failure)"
        }
    }
}
