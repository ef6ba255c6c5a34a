import ApusContainers
import ApusModel
import Synchronization
import Testing

/// Commands that somebody speaks with, inside containers of the real engine.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ExecutionTests {
    /// What a command has written, by stream.
    private final class Written: Sendable {
        private let bytes = Mutex<[ExecutionPiece.Stream: [UInt8]]>([:])

        func take(_ piece: ExecutionPiece) { bytes.withLock { $0[piece.stream, default: []] += piece.bytes } }

        func text(_ stream: ExecutionPiece.Stream) -> String {
            String(decoding: bytes.withLock { $0[stream] ?? [] }, as: UTF8.self)
        }
    }

    private func within(_ body: @Sendable (DockerEngine, ContainerID) async throws -> Void) async throws {
        try await TestEngine.run { test in
            try await body(test.engine, try await test.started(test.plan("executions", command: ["sleep", "1000"])))
        }
    }

    /// Its exit code, once its streams have ended.
    private func code(_ execution: String, _ engine: DockerEngine) async throws -> Int64 {
        while true {
            if case .ended(let code) = try await engine.progress(of: execution) { return code }
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test func `input reaches the command, and its two streams and its code come back apart`() async throws {
        try await within { engine, id in
            var request = ExecRequest(command: ["sh", "-c", "busybox cat; echo err-$WORD >&2; pwd; exit 7"])
            request.readsInput = true
            request.environment = ["WORD=x=y"]
            request.directory = "/tmp/.."
            let execution = try await engine.prepare(request, in: id)
            let written = Written()
            let data = [UInt8](repeating: 65, count: 300_000)
            try await engine.attach(to: execution, hasTerminal: false, began: {}) { input in
                do {
                    try await input.write(data)
                    input.end()
                } catch {
                    Issue.record("\(error)")
                }
            } output: { piece in
                written.take(piece)
            }
            #expect(try await code(execution, engine) == 7)
            #expect(written.text(.out) == String(repeating: "A", count: 300_000) + "/\n")
            #expect(written.text(.err) == "err-x=y\n")
        }
    }

    @Test func `a command at a terminal sees its size, and a change of it`() async throws {
        try await within { engine, id in
            let script = """
                until [ "$(busybox stty size 2>/dev/null)" = "33 101" ]; do busybox sleep 0.05; done; echo first; \
                until [ "$(busybox stty size 2>/dev/null)" = "20 60" ]; do busybox sleep 0.05; done; echo second
                """
            var request = ExecRequest(command: ["sh", "-c", script])
            request.hasTerminal = true
            let execution = try await engine.prepare(request, in: id)
            let written = Written()
            try await engine.attach(to: execution, hasTerminal: true) {
                do {
                    try await engine.resize(execution, rows: 33, columns: 101)
                } catch {
                    Issue.record("\(error)")
                }
            } input: { _ in
            } output: { piece in
                written.take(piece)
                guard written.text(.out) == "first\r\n" else { return }
                try await engine.resize(execution, rows: 20, columns: 60)
            }
            #expect(try await code(execution, engine) == 0)
            #expect(written.text(.out) == "first\r\nsecond\r\n")
        }
    }

    @Test func `a program that is not there ends with 126 or 127 and the engine's words`() async throws {
        try await within { engine, id in
            let execution = try await engine.prepare(ExecRequest(command: ["/no/such/program"]), in: id)
            let written = Written()
            do {
                try await engine.attach(to: execution, hasTerminal: false, began: {}, input: { _ in }) {
                    written.take($0)
                }
                #expect([126, 127].contains(try await code(execution, engine)))
                #expect((written.text(.out) + written.text(.err)).contains("/no/such/program"))
            } catch let error as ContainerError {
                // Some engines refuse before they hand over the connection.
                #expect(error.message.contains("/no/such/program"))
            }
        }
    }

    @Test func `a container that does not run, or is not there, takes no command`() async throws {
        try await TestEngine.run { test in
            let id = try await test.engine.create(test.plan("executions", command: ["sleep", "1000"]))
            let request = ExecRequest(command: ["true"])
            let idle = try await containerError { _ = try await test.engine.prepare(request, in: id) }
            #expect(idle.code == .conflict)
            let none = try await containerError { _ = try await test.engine.prepare(request, in: ContainerID("none")) }
            #expect(none.code == .notFound)
            let unknown = try await containerError {
                try await test.engine.attach(to: "none", hasTerminal: false, began: {}, input: { _ in }) { _ in }
            }
            #expect(unknown.code == .notFound, "\(unknown)")
        }
    }

    @Test func `an engine that closes, refuses or never answers is told apart`() async throws {
        let cases: [(answer: String?, code: ContainerError.Code)] = [
            ("HTTP/1.1 409 Conflict\r\nContent-Length: 26\r\n\r\n{\"message\":\"it is paused\"}\n", .conflict),
            ("", .unreachable), ("nonsense\r\n\r\n", .engine(status: 0)),
        ]
        for (answer, code) in cases {
            let server = CannedServer { $0.hasPrefix("GET /version") ? CannedServer.version : answer }
            defer { server.stop() }
            let engine = DockerEngine(socketPath: server.socketPath)
            let error = try await containerError {
                try await engine.attach(to: "e1", hasTerminal: false, began: {}, input: { _ in }) { _ in }
            }
            #expect(error.code == code, "\(error)")
            try await engine.shutdown()
        }
    }
}

/// What the engine sends of a command, taken apart.
struct ExecutionFramesTests {
    @Test func `frames are taken apart however they are cut, and of a terminal there is one stream`() throws {
        let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 2, 65, 66, 2, 0, 0, 0, 0, 0, 0, 1, 67, 1, 0, 0, 0, 0, 0, 0, 0]
        for size in 1...bytes.count {
            var frames = ExecutionFrames(hasTerminal: false)
            var texts: [ExecutionPiece.Stream: [UInt8]] = [:]
            for start in stride(from: 0, to: bytes.count, by: size) {
                for piece in try frames.take(bytes[start..<min(bytes.count, start + size)]) {
                    #expect(!piece.bytes.isEmpty)
                    texts[piece.stream, default: []] += piece.bytes
                }
            }
            #expect(texts == [.out: [65, 66], .err: [67]])
        }
        var terminal = ExecutionFrames(hasTerminal: true)
        #expect(try terminal.take(bytes) == [ExecutionPiece(stream: .out, bytes: bytes)])
        #expect(try terminal.take([]).isEmpty)
        var odd = ExecutionFrames(hasTerminal: false)
        #expect(throws: ContainerError.self) { try odd.take([9, 0, 0, 0, 0, 0, 0, 1]) }
    }
}
