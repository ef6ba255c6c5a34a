import ApusContainers
import ApusModel
import Testing

/// Many streams beside calls.
@Suite(.timeLimit(.minutes(1)))
struct EngineStreamsTests {
    @Test func `the engine can be called while hundreds of its streams are followed`() async throws {
        let server = CannedServer { head in
            if head.contains("/version") { return CannedServer.version }
            return head.contains("/events")
                ? "HOLDHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : CannedServer.ok("[]")
        }
        let engine = DockerEngine(socketPath: server.socketPath)
        let outcome = await Result.catching {
            var streams: [ContainerEvents] = []
            for _ in 0..<300 { streams.append(try await engine.events(labels: [:])) }
            #expect(try await engine.list(labels: [:]).isEmpty)
            #expect(streams.count == 300)
        }
        try await engine.shutdown()
        server.stop()
        try outcome.get()
    }
}
