package import ApusModel
import NIOHTTP1

/// How a container engine is set up.
package struct EngineInfo: Hashable, Sendable {
    /// The directory in which it keeps images and containers, as it sees it; `nil` if it does not say.
    package var dataRoot: String?
    /// `overlay2` say; empty if it does not say.
    package var storageDriver: String
    /// Containers live on while the engine itself restarts.
    package var isLiveRestoring: Bool
    /// What it warns of by itself.
    package var warnings: [String]

    package init(
        dataRoot: String? = nil,
        storageDriver: String = "",
        isLiveRestoring: Bool = false,
        warnings: [String] = []
    ) {
        self.dataRoot = dataRoot
        self.storageDriver = storageDriver
        self.isLiveRestoring = isLiveRestoring
        self.warnings = warnings
    }

    /// Reads the engine's answer; what it does not say is left empty.
    package init(engineJSON json: JSON) {
        dataRoot = json["DockerRootDir"]?.text
        storageDriver = json["Driver"]?.text ?? ""
        isLiveRestoring = json["LiveRestoreEnabled"] == true
        warnings = if case .array(let texts)? = json["Warnings"] { texts.compactMap(\.text) } else { [] }
    }
}

extension DockerEngine {
    /// How the engine is set up; asked afresh.
    package func info() async throws -> EngineInfo {
        let doing = "asking the container engine at \(socketPath) how it is set up"
        let answer = try await call(.GET, "/info", accepting: [200], doing: doing)
        return EngineInfo(engineJSON: try answer.decoded(doing: doing) { json throws(JSONError) in json })
    }
}
