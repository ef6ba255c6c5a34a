import ApusClient
import ApusModel
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A request's context, with the address that it came from.
struct NodeContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let source: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        self.source = source.channel.remoteAddress?.ipAddress ?? ""
    }
}

/// Lets in who shows a secret of the cluster (contract §2.1); without secrets everybody.
///
/// A right secret is let in however many wrong ones came from the same address: containers of the leader's machine have
/// its address too, and must not keep it out.
struct NodeGuard: RouterMiddleware {
    typealias Context = NodeContext

    private let secrets: @Sendable () -> NodeSecrets?
    private let logger: Logger
    private let failures = Failures()

    private final class Failures: Sendable {
        let limit = Mutex(FailureLimit())
    }

    init(secrets: @escaping @Sendable () -> NodeSecrets?, logger: Logger) {
        self.secrets = secrets
        self.logger = logger
    }

    func handle(
        _ request: Request,
        context: NodeContext,
        next: @concurrent (Request, NodeContext) async throws -> Response
    ) async throws -> Response {
        guard let secrets = secrets(), !secrets.accepts(request.headers[.clusterAuthorization] ?? "") else {
            return try await next(request, context)
        }
        return refusal(of: context.source, at: Times.current.now)
    }

    private func refusal(of source: String, at now: Moment) -> Response {
        let (wait, count) = failures.limit.withLock { limit in
            if let wait = limit.wait(of: source, at: now) { return (Optional(wait), 0) }
            return (nil, limit.fail(source, at: now))
        }
        if let wait {
            let seconds = wait.milliseconds / 1000 + 1
            return Response(status: .tooManyRequests, headers: [.retryAfter: "\(seconds)"])
        }
        if count == 1 || count == FailureLimit.most {
            logger.warning(
                "a request without a secret of this cluster is refused",
                metadata: ["source": "\(source)", "count": "\(count)"]
            )
        }
        return Response(
            status: .unauthorized,
            headers: [.contentType: "text/plain", .wwwAuthenticate: "Basic realm=\"realm\""],
            body: ResponseBody(byteBuffer: ByteBuffer(string: "Credentials are required to access this resource."))
        )
    }
}

extension HTTPField.Name {
    fileprivate static let clusterAuthorization = Self("Cluster-Authorization") ?? .authorization
}
