import ApusClient
import ApusController
import ApusModel
import Synchronization

/// How the controllers of a test reach each other: each at its own API, unless it is cut off.
final class ControllerLine: Sendable {
    typealias Answer = @Sendable (_ path: String, _ query: [(name: String, value: String)]) throws -> JSON

    private struct State {
        var controllers: [String: Controller] = [:]
        /// Of those that are no controllers of today.
        var answers: [String: Answer] = [:]
        /// What is answered in place of one that is cut off, each time in other words.
        var faults: [String: ClientError.Code] = [:]
        var asked = 0
    }

    private let state = Mutex(State())

    /// How often somebody was asked.
    var asked: Int { state.withLock(\.asked) }

    func join(_ controller: Controller, as hostname: String) {
        state.withLock { $0.controllers[Self.url(hostname)] = controller }
    }

    /// Has something else than a controller answer there.
    func join(_ hostname: String, answering answer: @escaping Answer) {
        state.withLock { $0.answers[Self.url(hostname)] = answer }
    }

    func cut(_ hostname: String, _ code: ClientError.Code = .unreachable("cut")) {
        state.withLock { $0.faults[Self.url(hostname)] = code }
    }

    func mend(_ hostname: String) { state.withLock { $0.faults[Self.url(hostname)] = nil } }

    var ask: Controller.AskHistory {
        { [self] path, query, url in
            if let answer = state.withLock({ $0.answers[url] }) { return try answer(path, query) }
            let controller = try controller(at: url)
            let parameters = query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
            let target = "/apis/v1/internal/history\(path)?\(parameters)"
            let call = APICall("GET", target) { $0.lowercased() == "cluster-authorization" ? CallerRig.secret : nil }
            let answer = await controller.api.answer(call)
            // What was answered before the cut may not come through it.
            _ = try self.controller(at: url)
            guard answer.status == 200, let json = answer.json else {
                throw ClientError(.status(answer.status, ""), "\(url) answered \(answer.status)")
            }
            return json
        }
    }

    private func controller(at url: String) throws -> Controller {
        try state.withLock { state in
            state.asked += 1
            if let code = state.faults[url] {
                let hostname = url.dropFirst("http://".count).prefix { $0 != ":" }
                throw ClientError(code, "\(hostname) is cut off: \(code), told \(state.asked) times")
            }
            guard let controller = state.controllers[url] else {
                throw ClientError(.unreachable(""), "nobody listens at \(url)")
            }
            return controller
        }
    }

    private static func url(_ hostname: String) -> String { "http://\(hostname):10000" }
}
