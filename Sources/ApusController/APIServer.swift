import ApusClient
import ApusModel
package import ApusTelemetry
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves the API over HTTP.
package struct APIServer: Service {
    /// A request that does not go on, and a connection that asks nothing, is closed after this.
    private static let idleConnection = Duration.seconds(120)
    /// Listeners, commands and a few of each executor and client; more wait to be taken.
    private static let mostConnections = 8192
    /// Each may hold a body of a megabyte.
    package static let mostRequests = 1024

    private let api: API
    private let address: String
    private let port: Int
    private let onListening: @Sendable (Int) async -> Void
    private let logger: Logger
    private let arrival: Duration
    private let limits: RequestLimits
    private let encryption: (@Sendable () -> PortEncryption)?

    /// `onListening` is told the port that is listened on, which is another one only if `port` is 0; `arrival` is how
    /// long a request's body may take to arrive whole; `mostRequests` is how many are taken in and answered at once;
    /// `encryption` is that of a `ListeningPort`.
    package init(
        api: API,
        address: String,
        port: Int,
        logger: Logger,
        arrival: Duration = .seconds(20),
        mostRequests: Int = Self.mostRequests,
        encryption: (@Sendable () -> PortEncryption)? = nil,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        self.api = api
        self.address = address
        self.port = port
        self.logger = logger
        self.arrival = arrival
        limits = RequestLimits(mostRequests)
        self.encryption = encryption
        self.onListening = onListening
    }

    /// Serves until a graceful shutdown, which lets requests under way finish.
    ///
    /// - Throws: `ControllerError` if it cannot listen.
    package func run() async throws {
        let listening = ListeningPort(
            address,
            port,
            .bounded(idle: Self.idleConnection),
            limit: Self.mostConnections,
            encryption: encryption
        )
        do {
            try await withGracefulShutdownHandler {
                try await listening.serve(
                    APIResponder(api: api, arrival: arrival, limits: limits),
                    logger: logger,
                    onListening: onListening
                )
            } onGracefulShutdown: {
                // They would last for an hour.
                api.events.dismiss()
                api.execs.dismiss()
                api.history.dismiss()
            }
        } catch let failure as ListenFailure {
            throw ControllerError(
                description:
                    "The API cannot listen on \(address):\(port): \(failure.reason). Give another address with "
                    + "--address; if it is another apus process's admin port, give that one another with --admin-address."
            )
        }
    }
}

/// A request's context, with the address that it came from.
private struct SourceContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let source: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        self.source = source.channel.remoteAddress?.ipAddress ?? ""
    }
}

/// A request's body does not come to its end.
private struct BodyTooSlow: Error {}

/// Between the HTTP library's types and ours.
private struct APIResponder: HTTPResponder {
    typealias Context = SourceContext

    let api: API
    let arrival: Duration
    let limits: RequestLimits

    func respond(to request: Request, context: SourceContext) async throws -> Response {
        let response = response(for: try await bounded(request, context))
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func bounded(_ request: Request, _ context: SourceContext) async throws -> APIAnswer {
        // Of those no more come than connections.
        guard !API.isVital(request.uri.path) else { return try await answer(to: request, context) }
        guard limits.all.begin() else { return .tooManyRequests(most: limits.all.most) }
        defer { limits.all.end() }
        return try await answer(to: request, context)
    }

    private func answer(to request: Request, _ context: SourceContext) async throws -> APIAnswer {
        let limit = API.bodyLimit(of: request.uri.path)
        do {
            let call = call(of: request, from: context.source)
            switch await api.admission(of: call) {
            case .refused(let refusal): return refusal
            case .admitted(let route, let principal) where principal.role == .instance:
                guard limits.ofInstances.begin() else { return .tooManyRequests(most: limits.ofInstances.most) }
                defer { limits.ofInstances.end() }
                return try await answer(to: request, call, upTo: limit, by: route, to: principal)
            case .admitted(let route, let principal):
                return try await answer(to: request, call, upTo: limit, by: route, to: principal)
            }
        } catch is NIOTooManyBytesError {
            return .tooLarge(limit: limit)
        } catch is BodyTooSlow {
            return .failed(408, "The request body did not arrive within \(arrival)")
        } catch let error as CancellationError {
            throw error
        } catch {
            // The server's own logger is silent.
            api.logger.error("a request failed unexpectedly", metadata: ["error": "\(error)"])
            return .unexpected(error)
        }
    }

    /// All but its body, which is not read before it is known who sends it.
    private func call(of request: Request, from source: String) -> APICall {
        let (headers, host) = (request.headers, request.head.authority)
        var call = APICall(
            request.method.rawValue,
            request.uri.string,
            contentType: headers[.contentType],
            lastEventID: headers[.lastEventID],
            source: source,
            header: { name in
                name.lowercased() == "host" ? host : HTTPField.Name(name).flatMap { headers[$0] }
            }
        )
        call.hasBody = headers[.transferEncoding] != nil || headers[.contentLength].map { $0 != "0" } ?? false
        return call
    }

    private func answer(
        to request: Request,
        _ head: APICall,
        upTo limit: Int,
        by route: Route,
        to principal: Principal
    ) async throws -> APIAnswer {
        var call = head
        if API.isStreamed(request.uri.path) {
            call.frames = request.body.map { Array($0.readableBytesView) }
        } else {
            if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
                throw NIOTooManyBytesError(maxBytes: limit)
            }
            guard let body = try await body(of: request, upTo: limit) else {
                return .failed(400, "The request body did not arrive whole, or is not what HTTP allows")
            }
            call.body = Array(body.readableBytesView)
            call.hasBody = !call.body.isEmpty
        }
        return await api.answer(call, by: route, to: principal)
    }

    /// `nil` if what came is no body, or the rest of it never came.
    private func body(of request: Request, upTo limit: Int) async throws -> ByteBuffer? {
        do {
            return try await withDeadline(arrival, late: { BodyTooSlow() }) {
                try await request.body.collect(upTo: limit)
            }
        } catch let error where !(error is NIOTooManyBytesError || error is BodyTooSlow || error is CancellationError) {
            return nil
        }
    }

    private func response(for answer: APIAnswer) -> Response {
        var headers = HTTPFields()
        if let seconds = answer.retryAfter { headers[.retryAfter] = "\(seconds)" }
        if let location = answer.location { headers[.location] = location }
        if let executor = answer.executor { headers[.executor] = executor }
        if let age = answer.age { headers[.age] = "\(age)" }
        if answer.isStale { headers[.read] = "stale" }
        if !answer.allow.isEmpty { headers[.allow] = answer.allow.joined(separator: ", ") }
        let status = HTTPResponse.Status(code: answer.status)
        if let file = answer.file { return response(status, file, headers) }
        if let text = answer.text {
            headers[.contentType] = "text/plain"
            headers[.wwwAuthenticate] = "Basic realm=\"realm\""
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        guard let json = answer.json else { return Response(status: status, headers: headers) }
        headers[.contentType] = "application/json"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes))
        )
    }

    private func response(_ status: HTTPResponse.Status, _ file: APIFile, _ fields: HTTPFields) -> Response {
        var headers = fields
        headers[.contentType] = file.contentType
        headers[.contentDisposition] = file.disposition
        if file.contentType == APIFile.eventStream { headers[.cacheControl] = "no-store" }
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(contentLength: file.length) { writer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    if let meanwhile = file.meanwhile { group.addTask { await meanwhile() } }
                    for try await piece in file.pieces { try await writer.write(ByteBuffer(bytes: piece)) }
                }
                try await writer.finish(nil)
            }
        )
    }
}

extension HTTPField.Name {
    fileprivate static let executor = Self("Apus-Executor") ?? .via
    fileprivate static let read = Self("Apus-Read") ?? .via
    fileprivate static let lastEventID = Self("Last-Event-ID") ?? .via
}
