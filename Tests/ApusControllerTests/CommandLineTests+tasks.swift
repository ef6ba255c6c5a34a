import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Tasks that are run and killed by commands.
extension CommandLineTests {
    private static func apus(_ endpoint: String, _ arguments: String...) throws -> Program {
        try Program(Self.binary, arguments, endpoint: endpoint)
    }

    private static func runs(_ controller: Controller) async -> Bool {
        await controller.get("tasks").json?["data"]?[0]?["state"] == "RUNNING"
    }

    private static let task = TaskID(source: "BATCH", name: "T1")
    private static let named = ["--source", "BATCH", "--id", "T1"]

    @Test(arguments: [0, 3, 64])
    func `a task's command ends with the exit code of its container`(_ code: Int) async throws {
        try await Self.withNode { controller, node, endpoint in
            let command = try Program(
                Self.binary,
                ["tasks", "run", "--image", "job:1", "--env", "A=1"] + Self.named + ["--", "--flag", "two words"],
                endpoint: endpoint
            )
            try await eventually("it runs", node, controller) { await Self.runs(controller) }
            node.move(.task(Self.task), to: .stopped, .exited(code: Int64(code), outOfMemory: false))
            async let end = command.end()
            try await eventually("it has ended", node, controller) {
                await controller.get("tasks").json?["data"] == []
            }
            let run = try await end
            #expect(run.code == Int32(code), "\(run.errors)")
            #expect(run.output == "")
            #expect(run.errors.contains("BATCH/T1: STOPPED on node1, "))
            #expect(run.errors.contains("with exit code \(code)\n"))
        }
    }

    @Test func `a killed task has no exit code, and the one who kills sees its end`() async throws {
        try await Self.withNode { controller, node, endpoint in
            let command = try Program(
                Self.binary,
                ["tasks", "run", "--image", "job:1"] + Self.named,
                endpoint: endpoint
            )
            try await eventually("it runs", node, controller) { await Self.runs(controller) }
            let kill = try Self.apus(endpoint, "tasks", "kill", "BATCH/T1")
            async let (end, killed) = (command.end(), kill.end())
            try await eventually("it has ended", node, controller) {
                await controller.get("tasks").json?["data"] == []
            }
            let (run, killing) = try await (end, killed)
            #expect(run.code == 125)
            #expect(run.errors.hasSuffix("apus: BATCH/T1 has no exit code: CANCELLED, killed by a user\n"))
            #expect(killing.code == 0, "\(killing.errors)")
        }
    }

    @Test func `Ctrl-C ends the waiting and not the task`() async throws {
        try await Self.withNode { controller, node, endpoint in
            let command = try Program(
                Self.binary,
                ["tasks", "run", "--image", "job:1"] + Self.named,
                endpoint: endpoint
            )
            try await eventually("it runs", node, controller) { await Self.runs(controller) }
            command.interrupt()
            let run = try await command.end()
            #expect(run.code == 130)
            #expect(run.errors.contains("End it with: apus tasks kill BATCH/T1"))
            #expect(await Self.runs(controller))
        }
    }

    @Test func `whatever keeps a task from running is 125 with its reason`() async throws {
        try await Self.withNode { controller, node, endpoint in
            let cases: [([String], String)] = [
                (["--image", "job:1", "--cpu", "9"], "Cluster does not have enough CPU. Required: 9 Available: 4"),
                (["/nonexistent/job.json"], "/nonexistent/job.json cannot be read"),
                (["-"], "standard input is not JSON"),
                (["--image", "job:1", "--id", "a/b"], "Only characters, numbers, hyphen and underscore is allowed"),
                (["--image", "job:1", "--endpoint", "127.0.0.1:1"], "Is a controller running?"),
            ]
            for (arguments, reason) in cases {
                await node.report(to: controller)
                let run = try await Program(Self.binary, ["tasks", "run"] + arguments, endpoint: endpoint).end()
                #expect(run.code == 125, "\(arguments): \(run.errors)")
                #expect(run.errors.contains(reason), "\(arguments): \(run.errors)")
            }
            // 64 may be its container's.
            let usage = try await Self.apus(endpoint, "tasks", "run").end()
            #expect(usage.code == 125)
            #expect(usage.errors.contains("name either a file or an image (--image)"))
            #expect(try await Self.apus(endpoint, "tasks", "kill", "web/").end().code == 64)
            #expect(try await Self.apus(endpoint, "tasks", "run", "--help").end().code == 0)
        }
    }
}
