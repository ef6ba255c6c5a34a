import ApusContainers
import ApusModel
import Synchronization
import Testing

/// Commands at an engine that loses them, played by a server that says what it is told to.
@Suite(.timeLimit(.minutes(1)))
struct CommandTroubleTests {
    /// Answers for a command whose begin the engine leaves open; the head is kept open for the client's body.
    private func server(_ progress: @escaping @Sendable () -> String) -> CannedServer {
        CannedServer { head in
            if head.contains("/version") { return CannedServer.version }
            if head.contains("/start ") { return nil }
            guard head.hasPrefix("POST") else { return progress() }
            let body = #"{"Id":"e1"}"#
            return "HOLDHTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }

    @Test(arguments: [#"{"Running":false,"ExitCode":null}"#, #"{"Running":false}"#, nil])
    func `a command that the engine did not begin, or forgot, has not failed`(progress: String?) async throws {
        let gone = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        let server = server { progress.map(CannedServer.ok) ?? gone }
        let engine = DockerEngine(socketPath: server.socketPath)
        for _ in 0..<2 {
            let error = try await containerError {
                _ = try await engine.run(["true"], in: ContainerID("c"), within: .milliseconds(100))
            }
            #expect(error.code == .timedOut, "\(error)")
            #expect(error.message.contains("did not begin the command"))
        }
        try await engine.shutdown()
        server.stop()
    }

    @Test func `a command that was begun late after all is not begun again beside it`() async throws {
        let isBegun = Mutex(false)
        let server = server {
            let running = isBegun.withLock { was in
                defer { was = true }
                return was
            }
            return CannedServer.ok(#"{"Running":\#(running),"ExitCode":null}"#)
        }
        let engine = DockerEngine(socketPath: server.socketPath)
        let error = try await containerError {
            _ = try await engine.run(["true"], in: ContainerID("c"), within: .milliseconds(100))
        }
        #expect(error.code == .timedOut)
        #expect(try await engine.run(["true"], in: ContainerID("c"), within: .seconds(20)) == .stillRuns)
        try await engine.shutdown()
        server.stop()
    }
}
