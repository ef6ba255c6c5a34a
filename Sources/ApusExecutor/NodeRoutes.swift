import ApusModel
import HTTPTypes
import Hummingbird
import NIOCore

/// The executor's HTTP side: what the leader calls.
struct NodeRoutes: Sendable {
    /// A specification is at most 192 KiB, and the configuration files in it at most `ConfigFiles.largestTogether`, a
    /// third more as text; escapes and the rest of a message stay below this.
    private static let largestMessage = 4 << 20
    /// For the message to arrive whole.
    private static let arrival = Duration.seconds(5)

    let desk: CommandDesk
    let identity: NodeIdentity
    var logs: LogReader?
    let entrance: NodeGuard
    var exec: ExecDesk?
    var stats: StatsWatch?

    var router: Router<NodeContext> {
        let router = Router(context: NodeContext.self)
        router.add(middleware: entrance)
        router.get("/apis/v1/ping") { _, _ in pong }
        router.post("/apis/v1/messages") { request, _ in await answer(to: request) }
        if let logs { addLogs(logs, to: router) }
        if let exec { addExec(exec, to: router) }
        if let stats { addUsage(stats, to: router) }
        return router
    }

    /// Says who it is, so that the leader knows whom it has reached; never the durable key.
    private var pong: Response {
        Self.response(
            .ok,
            .members([
                "status": "SUCCESS", "data": "pong", "message": "success", "cluster": identity.cluster.json,
                "executorId": identity.id.json, "incarnation": .integer(identity.incarnation),
            ])
        )
    }

    private func answer(to request: Request) async -> Response {
        let command: NodeCommand
        do {
            if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Self.largestMessage {
                throw NIOTooManyBytesError(maxBytes: Self.largestMessage)
            }
            let body = try await within(Self.arrival, doing: "reading the message") {
                try await request.body.collect(upTo: Self.largestMessage)
            }
            command = try NodeCommand(json: try JSON(parsing: body.readableBytesView))
        } catch let error as JSONError {
            return Self.unreadable("the message cannot be read: \(error)")
        } catch is NIOTooManyBytesError {
            return Self.unreadable("the message is longer than \(Self.largestMessage) bytes")
        } catch {
            return Self.unreadable("the message did not arrive: \(error)")
        }
        switch await desk.take(command) {
        case .answered(let answer): return Self.response(.ok, answer.json)
        case .unrecorded:
            return Self.failure(.serviceUnavailable, "the executor cannot write its journal; send the command again")
        case .busy:
            return Self.failure(.serviceUnavailable, "too many commands are under way; send it again later")
        case .late:
            return Self.failure(.gatewayTimeout, "the command was not decided in time; send it again")
        }
    }

    /// An answer like any other: the leader reads it and stops sending that message.
    private static func unreadable(_ reason: String) -> Response {
        response(.ok, CommandAnswer.refused(.unreadable, reason: reason).json)
    }

    private static func failure(_ status: HTTPResponse.Status, _ reason: String) -> Response {
        response(status, .members(["status": "FAILED", "message": .string(reason)]))
    }

    static func response(_ status: HTTPResponse.Status, _ json: JSON) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes))
        )
    }
}
