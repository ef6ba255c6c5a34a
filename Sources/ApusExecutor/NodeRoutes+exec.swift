import ApusClient
import ApusModel
import HTTPTypes
import Hummingbird
import NIOCore

/// Commands in containers: the caller's frames come as the request's body, ours go as the answer's, both at once.
extension NodeRoutes {
    func addExec(_ desk: ExecDesk, to router: Router<NodeContext>) {
        router.post("/apis/v1/instances/:id/exec") { request, context in
            let session: ExecSession
            do {
                session = try await Self.session(request, context, desk)
            } catch let refusal as ExecRefusal {
                return Self.response(
                    HTTPResponse.Status(code: refusal.code.rawValue),
                    .members(["error": .string("\(refusal)")])
                )
            }
            let frames = request.body.map { Array($0.readableBytesView) }
            return Response(
                status: .ok,
                headers: [.contentType: ExecFrame.contentType],
                body: ResponseBody { writer in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        // A caller that takes nothing has left: the session ends with the writing.
                        defer { group.cancelAll() }
                        group.addTask { await session.run(reading: frames) }
                        while let bytes = try await session.outgoing.next() {
                            try await writer.write(ByteBuffer(bytes: bytes))
                        }
                    }
                    try await writer.finish(nil)
                }
            )
        }
    }

    private static func session(
        _ request: Request,
        _ context: NodeContext,
        _ desk: ExecDesk
    ) async throws -> ExecSession {
        let wanted: ExecRequest
        do {
            wanted = try ExecRequest(query: request.uri.queryParameters.map { ("\($0.key)", "\($0.value)") })
        } catch {
            throw ExecRefusal(.unreadable, "\(error)")
        }
        return try await desk.session(wanted, in: InstanceID(context.parameters.get("id") ?? ""))
    }
}
