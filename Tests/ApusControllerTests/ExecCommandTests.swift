import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// `apus exec` against a controller and an executor that says what it was told to.
@Suite(.timeLimit(.minutes(2))) struct ExecCommandTests {
    private static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""

    /// A controller whose one healthy instance runs where the server speaks.
    private func withInstance(
        of server: NodeServer,
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
        let server = try NodeServer(
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
        let refused = try NodeServer(refusing: 403, "this machine's limit `exec` forbids it: no commands")
        try await withInstance(of: refused) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output) == (125, ""))
            #expect(run.errors == "apus: this machine's limit `exec` forbids it: no commands\n")
        }
        let failed = try NodeServer(frames: [.stdout([65]), .error("the engine is gone")])
        try await withInstance(of: failed) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output, run.errors) == (125, "A", "apus: the engine is gone\n"))
        }
        let broken = try NodeServer(frames: [.stdout([65])])
        try await withInstance(of: broken) { endpoint, _ in
            let run = try await Program(Self.binary, ["exec", "TEST_APP-1", "--", "true"], endpoint: endpoint).end()
            #expect((run.code, run.output) == (125, "A"))
            #expect(run.errors.hasPrefix("apus: The connection is gone"), "\(run.errors)")
        }
    }

    @Test func `whoever is not there is told apart, with 125`() async throws {
        let server = try NodeServer(frames: [.exit(code: 0)])
        try await withInstance(of: server) { endpoint, _ in
            func errors(_ arguments: String...) async throws -> String {
                let run = try await Program(Self.binary, ["exec"] + arguments + ["--", "true"], endpoint: endpoint)
                    .end()
                #expect(run.code == 125, "\(arguments)")
                return run.errors
            }
            #expect(try await errors("NOPE-1") == "apus: App NOPE-1 not found\n")
            #expect(
                try await errors("A\u{1B}[2J") == "apus: App A\u{FFFD}[2J not found\n",
                "no word steers the terminal"
            )
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
        let server = try NodeServer(breakingOffAfter: "this machine's")
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
