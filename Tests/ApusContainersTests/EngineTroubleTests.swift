import ApusContainers
import ApusModel
import Testing

/// What an engine can do to its client, played by a server that says what it is told to.
@Suite(.timeLimit(.minutes(1)))
struct EngineTroubleTests {
    private func with(
        _ server: CannedServer,
        callTimeout: Duration = .seconds(20),
        pullStall: Duration = .seconds(20),
        _ body: (DockerEngine) async throws -> Void
    ) async throws {
        let engine = DockerEngine(socketPath: server.socketPath, callTimeout: callTimeout, pullStall: pullStall)
        let outcome = await Result.catching { try await body(engine) }
        try await engine.shutdown()
        server.stop()
        try outcome.get()
    }

    @Test
    func `an engine that is not there is unreachable at once`() async throws {
        let engine = DockerEngine(socketPath: "/tmp/apus-no-such.sock")
        let error = try await containerError { _ = try await engine.version() }
        try await engine.shutdown()
        #expect(error.code == .unreachable)
        #expect(error.description.contains("/tmp/apus-no-such.sock"))
        #expect(error.message.contains("there is no socket"))
    }

    @Test
    func `an engine too new and one too old are refused with both ranges`() async throws {
        for (oldest, newest) in [("1.99", "2.3"), ("1.12", "1.24")] {
            let server = CannedServer { _ in
                CannedServer.ok(
                    #"{"Version":"9","ApiVersion":"\#(newest)","MinAPIVersion":"\#(oldest)"}"#
                )
            }
            try await with(server) { engine in
                let error = try await containerError { _ = try await engine.list(labels: [:]) }
                #expect(error.code == .unsupportedVersion)
                #expect(error.message.contains("\(oldest) to \(newest)"))
            }
        }
    }

    @Test
    func `the version is agreed on once and stands in every path`() async throws {
        let server = CannedServer { head in
            head.contains("/version") ? CannedServer.version : CannedServer.ok("[]")
        }
        try await with(server) { engine in
            _ = try await engine.list(labels: [:])
            _ = try await engine.list(labels: [:])
            let paths = server.requests.map { $0.split(separator: " ")[1].split(separator: "?")[0] }
            #expect(paths == ["/version", "/v1.41/containers/json", "/v1.41/containers/json"])
        }
    }

    @Test
    func `an engine that does not answer is given up at the deadline`() async throws {
        let server = CannedServer { head in head.contains("/version") ? CannedServer.version : nil }
        // Long enough for the version to be told, however much else begins just now.
        try await with(server, callTimeout: .seconds(8)) { engine in
            let error = try await containerError { try await engine.start(ContainerID("x")) }
            #expect(error.code == .timedOut)
            #expect(error.doing == "starting container x")
        }
    }

    @Test
    func `an answer that never ends is given up at the deadline`() async throws {
        let server = CannedServer { head in
            head.contains("/version")
                ? CannedServer.version : "HOLDHTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"
        }
        try await with(server, callTimeout: .seconds(2)) { engine in
            let error = try await containerError { _ = try await engine.list(labels: [:]) }
            #expect(error.code == .timedOut)
        }
    }

    @Test
    func `a failure inside the stream of a pull is found`() async throws {
        let server = CannedServer { head in
            head.contains("/version")
                ? CannedServer.version
                : CannedServer.ok(
                    """
                    {"status":"Pulling from team/bb"}\r
                    {"errorDetail":{"message":"manifest for bb:9 not found"},"error":"manifest for bb:9 not found"}\r\n
                    """
                )
        }
        try await with(server) { engine in
            let error = try await containerError {
                try await engine.pull("registry:5000/team/bb", deadline: .seconds(20))
            }
            #expect(error.code == .imageMissing)
            #expect(error.message == "manifest for bb:9 not found")
            // Always one tag; the colon of the registry's port is none.
            #expect(server.requests.last?.contains("fromImage=registry%3A5000%2Fteam%2Fbb&tag=latest ") == true)
        }
    }

    @Test(arguments: [
        ("bb:1.2", "fromImage=bb&tag=1.2 "),
        ("r:5000/bb:1", "fromImage=r%3A5000%2Fbb&tag=1 "),
        ("bb:1@sha256:ab", "fromImage=bb&tag=sha256%3Aab "),
    ])
    func `a pull asks for the tag or digest that is meant`(image: String, query: String) async throws {
        let server = CannedServer { head in
            head.contains("/version") ? CannedServer.version : CannedServer.ok(#"{"status":"Downloaded"}"#)
        }
        try await with(server) { engine in
            try await engine.pull(image, deadline: .seconds(20))
            #expect(server.requests.last?.contains(query) == true)
        }
    }

    @Test
    func `a pull without progress is given up, and so is one past its deadline`() async throws {
        let server = CannedServer { head in
            head.contains("/version")
                ? CannedServer.version : "HOLDHTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\":\"x\"}\n"
        }
        try await with(server, pullStall: .milliseconds(200)) { engine in
            let stalled = try await containerError { try await engine.pull("bb:1", deadline: .seconds(20)) }
            #expect(stalled.code == .timedOut)
            #expect(stalled.message.contains("sent nothing"))
        }
        let slow = CannedServer { head in head.contains("/version") ? CannedServer.version : nil }
        try await with(slow) { engine in
            let late = try await containerError { try await engine.pull("bb:1", deadline: .milliseconds(200)) }
            #expect(late.code == .timedOut)
        }
    }

    @Test
    func `a pull whose progress is a line without an end is given up`() async throws {
        let server = CannedServer { head in
            let line = String(repeating: " ", count: 2 << 20)
            return head.contains("/version")
                ? CannedServer.version : "HOLDHTTP/1.1 200 OK\r\nContent-Length: \(4 << 20)\r\n\r\n\(line)"
        }
        try await with(server) { engine in
            let error = try await containerError { try await engine.pull("bb:1", deadline: .seconds(20)) }
            #expect(error.code == .unreadable)
            #expect(error.message == "a line of progress is longer than 1 MiB")
        }
    }

    @Test
    func `events end with the engine, and break off with an error`() async throws {
        let line = #"{"Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"3"}},"timeNano":1500000000}"#
        let server = CannedServer { head in
            head.contains("/version") ? CannedServer.version : CannedServer.ok("\(line)\n\(line)\n")
        }
        try await with(server) { engine in
            var events: [ContainerEvent] = []
            for try await event in try await engine.events(labels: [:]) { events.append(event) }
            #expect(events.map(\.kind) == [.died(exitCode: 3), .died(exitCode: 3)])
            #expect(events.first?.time == WallTime(milliseconds: 1_500))
        }
        let broken = CannedServer { head in
            head.contains("/version")
                ? CannedServer.version : "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\(line)\n"
        }
        try await with(broken) { engine in
            let events = try await engine.events(labels: [:])
            let error = try await containerError { for try await _ in events {} }
            #expect(error.code == .unreachable)
        }
    }

    @Test
    func `waiting for events ends when its task is cancelled`() async throws {
        let server = CannedServer { head in
            head.contains("/version")
                ? CannedServer.version : "HOLDHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        }
        try await with(server) { engine in
            let events = try await engine.events(labels: [:])
            let waiting = Task { for try await _ in events {} }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }
}
