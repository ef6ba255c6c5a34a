import ApusContainers
import ApusExecutor

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The socket of the container engine.
enum EngineSocket {
    /// The path given, that of `DOCKER_HOST`, or Docker's own default.
    static func resolved(_ given: String?) throws(CommandFailure) -> String {
        if let given { return given }
        guard let host = ProcessInfo.processInfo.environment["DOCKER_HOST"], !host.isEmpty else {
            return "/var/run/docker.sock"
        }
        guard host.hasPrefix("unix://") else {
            throw CommandFailure(
                .other,
                "DOCKER_HOST is \(host), but Apus needs the engine's Unix socket: name it with --docker-socket"
            )
        }
        return String(host.dropFirst("unix://".count))
    }

    /// The engine's version, if it answers within the time.
    ///
    /// - Throws: why it did not.
    static func ask(_ path: String, within limit: Duration) async throws -> EngineVersion {
        let engine = DockerEngine(socketPath: path, callTimeout: limit)
        let result: Result<EngineVersion, any Error>
        do {
            result = .success(try await engine.version())
        } catch {
            result = .failure(error)
        }
        try await engine.shutdown()
        return try result.get()
    }

    /// What the engine is and how it is set up.
    static func survey(_ path: String) async -> MachineFitness.Engine {
        let engine = DockerEngine(socketPath: path, callTimeout: .seconds(10))
        var answer: MachineFitness.Engine
        do {
            answer = .answers(try await engine.version(), try await engine.info())
        } catch {
            answer = .silent("\(error)")
        }
        do {
            try await engine.shutdown()
        } catch {
            answer = .silent("\(error)")
        }
        return answer
    }

    /// What is said of the engine by an executor that starts.
    ///
    /// At the first start silence is most likely a mistake in the path, and nothing is lost by refusing. Later it is
    /// most likely an engine that restarts, with containers to be taken care of: then it is waited for.
    static func greeting(_ path: String, isFirstStart: Bool) async throws -> String {
        if isFirstStart { return "Docker \(try await check(path).engine) at \(path)" }
        do {
            return "Docker \(try await ask(path, within: .seconds(2)).engine) at \(path)"
        } catch {
            return "DOES NOT ANSWER at \(path): \(error). Nothing can be started or stopped until it does"
        }
    }

    /// The engine's version, which is needed.
    ///
    /// - Throws: `CommandFailure` that says what to do.
    static func check(_ path: String) async throws -> EngineVersion {
        do {
            return try await ask(path, within: .seconds(10))
        } catch {
            throw CommandFailure(
                .other,
                """
                No Docker engine can be used at \(path): \(error)
                Start Docker, or name its socket with --docker-socket or DOCKER_HOST=unix:///path.
                """
            )
        }
    }
}
