import ApusModel
import NIOCore
import NIOHTTP1
import Synchronization

/// A Docker engine behind its Unix socket.
///
/// Every call has a deadline and throws `ContainerError`, or `CancellationError` when its task was cancelled. The
/// version of the API is agreed on with the engine at the first call. Call `shutdown` when done.
package final class DockerEngine: Sendable {
    package let socketPath: String
    let connection: EngineConnection
    /// The deadline of a call that has nothing to wait for.
    let callTimeout: Duration
    private let agreed = Mutex<APIVersion?>(nil)
    /// The engine's ids of commands that were begun and whose end was not seen; one for each command.
    private let commands = Mutex<[ContainerCommand: String]>([:])

    /// Connects to nothing yet.
    ///
    /// `pullStall` is how long a pull may be without any progress.
    package init(socketPath: String, callTimeout: Duration = .seconds(30), pullStall: Duration = .seconds(60)) {
        self.socketPath = socketPath
        self.callTimeout = callTimeout
        connection = EngineConnection(
            socketPath: socketPath,
            pullStall: .nanoseconds(pullStall.nanoseconds)
        )
    }

    /// Closes all connections; a call under way fails.
    package func shutdown() async throws { try await connection.shutdown() }

    /// What the engine is and which version of the API is spoken with it; asked afresh.
    package func version() async throws -> EngineVersion {
        let doing = "asking the container engine at \(socketPath) for its version"
        // Without a version in the path the engine answers in its own newest.
        let answer = try await connection.call(.GET, "/version", within: callTimeout, doing: doing)
        guard answer.status == 200 else { throw ContainerError(answer: answer, doing: doing) }
        let version = try answer.decoded(doing: doing, EngineVersion.Offer.init(engineJSON:))
        guard let common = APIVersion.common(engineOldest: version.oldest, engineNewest: version.newest) else {
            throw ContainerError(
                .unsupportedVersion,
                doing: doing,
                message: """
                    engine \(version.engine) speaks versions \(version.oldest) to \(version.newest) of its API, \
                    Apus \(APIVersion.oldest) to \(APIVersion.newest)
                    """
            )
        }
        agreed.withLock { $0 = common }
        return EngineVersion(engine: version.engine, api: common.description)
    }

    /// The directory in which the engine keeps images and containers, as it sees it; `nil` if it does not say.
    package func dataRoot() async throws -> String? { try await info().dataRoot }

    /// One call below the agreed version; a status outside of `accepted` is thrown.
    func call(
        _ method: HTTPMethod,
        _ path: String,
        query: KeyValuePairs<String, String> = [:],
        body: JSON? = nil,
        within limit: Duration? = nil,
        accepting accepted: Set<Int>,
        doing: String
    ) async throws -> EngineAnswer {
        let answer = try await connection.call(
            method,
            try await versioned(path),
            query: query,
            body: body,
            within: limit ?? callTimeout,
            doing: doing
        )
        guard !accepted.contains(answer.status) else { return answer }
        forgetVersion(after: answer)
        throw ContainerError(answer: answer, doing: doing)
    }

    /// The path below the agreed version, agreeing on one first if need be.
    func versioned(_ path: String) async throws -> String {
        if let version = agreed.withLock({ $0 }) { return "/v\(version)\(path)" }
        return "/v\(try await version().api)\(path)"
    }

    /// The engine may have been replaced by another release: the next call agrees afresh.
    func forgetVersion(after answer: EngineAnswer) {
        guard answer.status == 400, answer.message.contains("client version") else { return }
        agreed.withLock { $0 = nil }
    }

    /// The earlier try of a command whose end was not seen.
    func unended(_ command: ContainerCommand) -> String? { commands.withLock { $0[command] } }

    func note(_ command: ContainerCommand, _ execution: String) { commands.withLock { $0[command] = execution } }

    func forget(_ command: ContainerCommand) { commands.withLock { $0[command] = nil } }

    /// Those of a container that is gone.
    func forgetCommands(of container: ContainerID) {
        commands.withLock { commands in
            for command in commands.keys where command.container == container { commands[command] = nil }
        }
    }

    /// An id or name as one part of a path.
    static func part(_ id: ContainerID) -> String { EngineConnection.encoded(id.rawValue) }
}

/// What a container engine says of itself.
package struct EngineVersion: Hashable, Sendable {
    /// The release of the engine, as `20.10.24`.
    package var engine: String
    /// The version of the API agreed on, as `1.41`.
    package var api: String

    package init(engine: String, api: String) {
        self.engine = engine
        self.api = api
    }

    struct Offer {
        var engine: String
        var oldest: APIVersion
        var newest: APIVersion

        init(engineJSON json: JSON) throws(JSONError) {
            engine = try json.string("Version")
            let newest = try json.string("ApiVersion")
            // Engines before 1.24 do not say; they are too old in any case.
            let oldest = json["MinAPIVersion"]?.text ?? newest
            guard let low = APIVersion(oldest), let high = APIVersion(newest) else {
                throw JSONError("ApiVersion \(newest) or MinAPIVersion \(oldest) is no version")
            }
            self.oldest = low
            self.newest = high
        }
    }
}
