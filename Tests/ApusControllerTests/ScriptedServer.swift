import ApusClient
import ApusModel
import ApusTestKit
import Synchronization

/// Servers of configuration files: they count what they are asked, and hold back their answers as a test says.
final class ScriptedServer: Sendable {
    private struct State {
        var asked: [String] = []
        /// Hosts that do not answer.
        var held: Set<String>
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    /// What a path's file is; another path is not found.
    private let files: [String: [UInt8]]
    private let state: Mutex<State>

    init(_ files: [String: [UInt8]], holding held: Set<String> = []) {
        self.files = files
        state = Mutex(State(held: held))
    }

    /// The paths that were asked for, in order.
    var asked: [String] { state.withLock { $0.asked } }

    /// From now on all answer, also what was asked before.
    func release() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            state.held = []
            return state.waiting
        }
        for continuation in waiting { continuation.finish() }
    }

    func fetch(_ call: HTTPCallSpec) async throws -> [UInt8] {
        let (gate, opens) = AsyncStream.makeStream(of: Void.self)
        let isHeld = state.withLock { state -> Bool in
            state.asked.append(call.path)
            guard state.held.contains(call.hostname) else { return false }
            state.waiting.append(opens)
            return true
        }
        if isHeld {
            for await _ in gate {}
            try Task.checkCancellation()
        }
        guard let file = files[call.path] else { throw FetchFailure("\(call.place) answered 404") }
        return file
    }
}

func call(_ hostname: String, _ path: String) -> HTTPCallSpec {
    HTTPCallSpec(scheme: .http, hostname: hostname, path: path)
}

/// An application with a file `/etc<path>` of each call.
func fetching(_ name: String, _ calls: HTTPCallSpec...) -> Workload {
    var spec = exampleSpec(name: name)
    spec.configs = calls.map { ConfigSpec(localFilename: "/etc\($0.path)", source: .controllerHTTPFetch($0)) }
    return .application(spec)
}
