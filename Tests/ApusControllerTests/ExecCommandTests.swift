import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `apus exec` against a controller and an executor that says what it was told to.
@Suite(.timeLimit(.minutes(2))) struct ExecCommandTests {
    private static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""

    /// A controller whose one healthy instance runs where the server speaks.
    private func withInstance(
        of server: FrameServer,
        _ body: @escaping @Sendable (_ endpoint: String, _ instance: String) async throws -> Void
    ) async throws {
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let instances = await controller.get("applications/TEST_APP-1/instances").json?["data"]
            let id = try #require(instances?[0]?["instanceId"]?.text)
            try await withServer(controller) { client in try await body(client.endpoint, id) }
        }
    }

    @Test func `its streams come apart, and it ends with the command's code`() async throws {
        let server = try FrameServer(
            frames: [.heartbeat, .stdout(Array("out\n".utf8)), .stderr(Array("err\n".utf8)), .exit(code: 7)]
        )
        try await withInstance(of: server) { endpoint, instance in
            for id in ["TEST_APP-1", "TEST_APP", instance] {
                let run = try await Program(
                    Self.binary,
                    ["exec", id, "--user", "1000", "--env", "A=b c", "--", "sh", "-c", "exit 7"],
                    endpoint: endpoint
                ).end()
                #expect((run.code, run.output, run.errors) == (7, "out\n", "err\n"))
            }
            let asked = "command=sh&command=-c&command=exit%207&user=1000&env=A%3Db%20c"
            let execs = server.execs
            #expect(execs.count == 3)
            #expect(
                execs.allSatisfy { $0.hasPrefix("POST /apis/v1/instances/\(instance)/exec?\(asked) ") },
                "\(execs)"
            )
            for subject in ["TEST_APP-1", node.rawValue] {
                let query = [(name: "action", value: "COMMAND_RUN"), (name: "subject", value: subject)]
                let records = try await APIClient(endpoint: endpoint).audit(query).records
                #expect(records.map(\.subject) == [instance, instance, instance], "found by \(subject)")
            }
        }
    }

    @Test func `what the executor says of a command without an exit code is told, with 125`() async throws {
        let refused = try FrameServer(refusing: 403, "this machine's limit `exec` forbids it: no commands")
        try await withInstance(of: refused) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output) == (125, ""))
            #expect(run.errors == "apus: this machine's limit `exec` forbids it: no commands\n")
        }
        let failed = try FrameServer(frames: [.stdout([65]), .error("the engine is gone")])
        try await withInstance(of: failed) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output, run.errors) == (125, "A", "apus: the engine is gone\n"))
        }
        let broken = try FrameServer(frames: [.stdout([65])])
        try await withInstance(of: broken) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output) == (125, "A"))
            #expect(run.errors.hasPrefix("apus: The connection is gone"), "\(run.errors)")
        }
    }

    @Test func `whoever is not there is told apart, with 125`() async throws {
        let server = try FrameServer(frames: [.exit(code: 0)])
        try await withInstance(of: server) { endpoint, _ in
            func errors(_ arguments: String...) async throws -> String {
                let run = try await Program(Self.binary, ["exec"] + arguments + ["--", "true"], endpoint: endpoint)
                    .end()
                #expect(run.code == 125, "\(arguments)")
                return run.errors
            }
            #expect(try await errors("NOPE-1") == "apus: App NOPE-1 not found\n")
            #expect(try await errors("TEST_AP") == "apus: App TEST_AP not found: did you mean TEST_APP?\n")
            #expect(try await errors("AI-none") == "apus: There is no instance AI-none, or it has ended\n")
            #expect(try await errors("BATCH/T1") == "apus: No such task instance BATCH/T1\n")
            let other = try await errors("TEST_APP-1", "--instance", "AI-other")
            #expect(other.hasPrefix("apus: TEST_APP-1 has no instance AI-other that lives"), "\(other)")
            #expect(server.execs.isEmpty, "none of them reached the executor")
        }
        let gone = try await Program(Self.binary, ["exec", "A-1", "--", "true"], endpoint: "127.0.0.1:1").end()
        #expect(gone.code == 125)
        #expect(gone.errors.contains("cannot be reached"))
    }

    @Test func `a refusal that does not come whole is told, with 125`() async throws {
        let server = try FrameServer(breakingOffAfter: "this machine's")
        defer { server.stop() }
        let endpoint = "127.0.0.1:\(server.port)"
        let run = try await Program(Self.binary, ["exec", "AI-1", "--", "true"], endpoint: endpoint).end()
        #expect((run.code, run.output) == (125, ""), "\(run.errors)")
        #expect(run.errors.hasPrefix("apus: http://\(endpoint)/apis/v1/instances/AI-1/exec"), "\(run.errors)")
    }

    @Test func `wrong usage is 125 too`() async throws {
        let cases: [([String], String)] = [
            (["A-1"], "name the command behind --"), (["A-1", "--env", "A", "--", "x"], "it must be NAME=VALUE"),
            (["A-1", "--workdir", "x", "--", "x"], "workdir must be a whole path"), ([], "Missing expected argument"),
            (["A-1", "--nonsense", "--", "x"], "Unknown option"),
            (["A-1", "-it", "--", "x"], "-t with -i needs a terminal as standard input"),
        ]
        for (arguments, reason) in cases {
            let run = try await Program(Self.binary, ["exec"] + arguments).end()
            #expect(run.code == 125, "\(arguments)")
            #expect(run.errors.contains(reason), "\(arguments): \(run.errors)")
        }
    }
}

/// An executor that answers every command with the same frames, or refuses it.
final class FrameServer: @unchecked Sendable {
    let port: Int
    private let listener: Int32
    // Under the lock.
    private var heads: [String] = []
    private let lock = NSLock()

    convenience init(frames: [ExecFrame]) throws {
        try self.init(200, ExecFrame.contentType, frames.flatMap(\.bytes))
    }

    convenience init(refusing status: Int, _ reason: String) throws {
        try self.init(status, "application/json", JSON.members(["error": .string(reason)]).bytes)
    }

    /// A refusal of which only that comes.
    convenience init(breakingOffAfter text: String) throws {
        try self.init(403, "text/plain", Array(text.utf8), missing: 100)
    }

    /// `missing` bytes more are announced than come.
    private init(_ status: Int, _ type: String, _ body: [UInt8], missing: Int = 0) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, generic, &length) == 0
            }
        }
        try #require(isListening, "no free port")
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        let head =
            "HTTP/1.1 \(status) Status\r\nContent-Type: \(type)\r\nContent-Length: \(body.count + missing)\r\nConnection: close\r\n\r\n"
        let answer = Array(head.utf8) + body
        Thread.detachNewThread { self.serve(answer, breakingOff: missing > 0) }
    }

    /// The heads of all requests for a command so far.
    ///
    /// Another test may ask an executor that has ended, whose port this one was given.
    var execs: [String] { lock.withLock { heads.filter { $0.contains("/exec?") } } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ answer: [UInt8], breakingOff: Bool) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            var request: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while request.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
                let count = recv(connection, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                request += chunk[..<count]
            }
            let head = String(decoding: request, as: UTF8.self)
            lock.withLock { heads.append(head) }
            _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
            if breakingOff { shutdown(connection, Int32(SHUT_WR)) }
            // Whoever sends on is read until it ends: the answer would be lost in a reset otherwise.
            while recv(connection, &chunk, chunk.count, 0) > 0 {}
            close(connection)
        }
        close(listener)
    }
}
