import ApusEngine
import ApusModel
import Logging

/// The controller's HTTP API: Drove's paths, shapes and texts, without the HTTP.
///
/// Every answer is made from one committed snapshot.
package struct API: Sendable {
    /// The longest body of a request.
    package static let longestBody = 1 << 20
    /// A full list of a thousand instances is longer.
    package static let longestReport = 4 << 20

    let inbox: Inbox
    let published: Published
    let time: TimeSource
    /// `host:port` of this controller.
    let leader: String
    let logger: Logger

    /// The longest body that a path takes.
    package static func bodyLimit(of path: String) -> Int {
        path.hasPrefix("/apis/v1/internal/") ? longestReport : longestBody
    }

    /// Answers any call.
    package func answer(_ call: APICall) async -> APIAnswer {
        let segments = call.path.split(separator: "/")
        let matches = Route.all.filter { $0.matches(segments) }
        guard let pattern = matches.first?.pattern else { return APIAnswer(status: 404) }
        guard let route = matches.first(where: { $0.pattern == pattern && $0.method == call.method }) else {
            return APIAnswer(status: 405)
        }
        guard Self.isJSON(call) else { return APIAnswer(status: 415) }
        guard let state = published.state else { return .failed(400, "This node is not the leader controller") }
        var call = call
        call.parameters = route.parameters(of: segments)
        do throws(APIRefusal) {
            return try await route.handle(Handling(api: self, state: state, call: call))
        } catch {
            return APIAnswer(error)
        }
    }

    /// A body that says it is something else is not read; one that says nothing is.
    private static func isJSON(_ call: APICall) -> Bool {
        guard !call.body.isEmpty, let type = call.contentType else { return true }
        let essence = type.split(separator: ";").first?.lowercased() ?? ""
        return essence.split(separator: " ").joined() == "application/json"
    }
}

/// One call being answered: what a handler needs, and the snapshot it reads.
struct Handling: Sendable {
    let api: API
    let state: ClusterState
    let call: APICall

    /// The part of the path that stands for the n-th `{…}`.
    func parameter(_ index: Int) -> String { call.parameters[index] }
}
