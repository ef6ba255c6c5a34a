import ApusModel
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves the API over HTTP.
package struct APIServer: Service {
    private let api: API
    private let address: String
    private let port: Int
    private let onListening: @Sendable (Int) async -> Void
    private let logger: Logger

    /// `onListening` is told the port that is listened on, which is another one only if `port` is 0.
    package init(
        api: API,
        address: String,
        port: Int,
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        self.api = api
        self.address = address
        self.port = port
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until a graceful shutdown, which lets requests under way finish.
    ///
    /// - Throws: `ControllerError` if it cannot listen.
    package func run() async throws {
        let onListening = onListening
        // At its end the server reports the connections it cuts as errors; what matters is thrown.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Hummingbird.Application(
            responder: APIResponder(api: api),
            configuration: ApplicationConfiguration(address: .hostname(address, port: port)),
            onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
            logger: quiet
        )
        do {
            try await application.run()
        } catch let error as IOError {
            throw ControllerError(description: "The API cannot listen on \(address):\(port): \(error)")
        }
    }
}

/// Between the HTTP library's types and ours.
private struct APIResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let api: API

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let limit = API.bodyLimit(of: request.uri.path)
        let answer: APIAnswer
        do {
            if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
                throw NIOTooManyBytesError(maxBytes: limit)
            }
            let body = try await request.body.collect(upTo: limit)
            let call = APICall(
                request.method.rawValue,
                request.uri.string,
                contentType: request.headers[.contentType],
                body: Array(body.readableBytesView)
            )
            answer = await api.answer(call)
        } catch is NIOTooManyBytesError {
            answer = .tooLarge(limit: limit)
        } catch let error as CancellationError {
            throw error
        } catch {
            context.logger.error("a request failed unexpectedly", metadata: ["error": "\(error)"])
            answer = .unexpected(error)
        }
        return response(for: answer)
    }

    private func response(for answer: APIAnswer) -> Response {
        var headers = HTTPFields()
        if let seconds = answer.retryAfter { headers[.retryAfter] = "\(seconds)" }
        let status = HTTPResponse.Status(code: answer.status)
        guard let json = answer.json else { return Response(status: status, headers: headers) }
        headers[.contentType] = "application/json"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes))
        )
    }
}
