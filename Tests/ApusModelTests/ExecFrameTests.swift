import ApusModel
import Testing

/// The exchange about a command in a container, as it is on the wire.
struct ExecFrameTests {
    private static let frames: [ExecFrame] = [
        .stdin([]), .stdin([0, 255, 10]), .stdout(Array("out".utf8)),
        .stderr([UInt8](repeating: 7, count: ExecFrame.longestData)), .exit(code: 137), .exit(code: -1),
        .resize(rows: 24, columns: 80), .stdinEnd, .error("it has gone: ä"), .heartbeat, .taken(bytes: 262_144),
    ]

    @Test func `every frame is read as it was written, however the stream is cut`() throws {
        let bytes = Self.frames.flatMap(\.bytes)
        var random = SplitMix64(seed: 7)
        for _ in 0..<50 {
            var frames = ExecFrames()
            var (read, start) = ([ExecFrame](), 0)
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 1...9_000, using: &random))
                read += try frames.take(bytes[start..<end])
                start = end
            }
            #expect(read == Self.frames)
        }
    }

    @Test func `the form on the wire is the documented one`() {
        #expect(ExecFrame.stdout([65, 66]).bytes == [1, 0, 0, 0, 2, 65, 66])
        #expect(ExecFrame.exit(code: 7).bytes == [3, 0, 0, 0, 10] + Array(#"{"code":7}"#.utf8))
        #expect(
            ExecFrame.resize(rows: 2, columns: 3).bytes == [4, 0, 0, 0, 22] + Array(#"{"rows":2,"columns":3}"#.utf8)
        )
        #expect(ExecFrame.taken(bytes: 9).bytes == [8, 0, 0, 0, 11] + Array(#"{"bytes":9}"#.utf8))
    }

    @Test func `a frame that is too long or holds nonsense is an error, and one of a later kind is left out`() throws {
        func read(_ bytes: [UInt8]) throws -> [ExecFrame] {
            var frames = ExecFrames()
            return try frames.take(bytes)
        }
        #expect(throws: JSONError.self) { try read([0, 0, 1, 0, 1]) }
        #expect(throws: JSONError.self) { try read([0, 255, 255, 255, 255, 0]) }
        #expect(throws: JSONError.self) { try read([3, 0, 0, 0, 1, 120]) }
        #expect(throws: JSONError.self) { try read([8, 0, 0, 0, 12] + Array(#"{"bytes":-1}"#.utf8)) }
        #expect(try read([99, 0, 0, 0, 1, 1, 7, 0, 0, 0, 0]) == [.heartbeat])
        #expect(try read([0, 0, 0]).isEmpty)
    }

    @Test func `whatever comes, it is read or refused`() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<2_000 {
            var frames = ExecFrames()
            // Small kinds and lengths, so that many are read.
            let bytes = (0..<64).map { _ in
                UInt8.random(in: 0...9, using: &random) & (Bool.random(using: &random) ? 0 : 255)
            }
            do {
                for frame in try frames.take(bytes) { #expect(frame.bytes.count <= 5 + ExecFrame.longestData) }
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
    }

    @Test func `a request says in its query what it is read from`() throws {
        var request = ExecRequest(command: ["sh", "-c", "echo a=b & c; exit 7", ""])
        #expect(try ExecRequest(query: request.query) == request)
        request.hasTerminal = true
        request.readsInput = true
        request.user = "1000:1000"
        request.directory = "/tmp"
        request.environment = ["A=", "B=c=d"]
        #expect(try ExecRequest(query: request.query) == request)
    }

    @Test(
        arguments: [
            ([], "there is no command to run"),
            ([("command", "")], "there is no command to run"),
            ([("command", "a"), ("tty", "yes")], "tty must be true or false, not yes"),
            ([("command", "a"), ("env", "A")], "env A: it must be NAME=VALUE"),
            ([("command", "a"), ("env", "=A")], "env =A: it must be NAME=VALUE"),
            ([("command", "a"), ("workdir", "tmp")], "workdir must be a whole path that begins with /"),
            ([("command", "a\u{0}b")], "the command holds a byte of zero"),
            (
                [("command", String(repeating: "x", count: 65_537))],
                "the command is 65537 bytes long, with all that belongs to it; at most 65536"
            ),
        ] as [([(String, String)], String)]
    )
    func `a request that cannot be meant is refused with the reason`(_ query: [(String, String)], _ reason: String) {
        do {
            _ = try ExecRequest(query: query.map { (name: $0.0, value: $0.1) })
            Issue.record("it was taken")
        } catch {
            #expect(error.message == reason)
        }
    }
}
