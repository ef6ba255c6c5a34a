import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A program that was run to its end.
struct Run: Sendable {
    var code: Int32
    var output: String
    var errors: String
}

/// A program under way.
final class Program: @unchecked Sendable {
    // After its start it is only asked and signalled, which is a mere kill().
    private let process = Process()
    private let (output, errors) = (Pipe(), Pipe())
    private let ended: AsyncStream<Void>

    init(_ path: String, _ arguments: [String], endpoint: String = "") throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ["APUS_ENDPOINT": endpoint, "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"]
        (process.standardOutput, process.standardError) = (output, errors)
        process.standardInput = FileHandle.nullDevice
        let (stream, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        ended = stream
        process.terminationHandler = { _ in end.finish() }
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func interrupt() { process.interrupt() }

    /// What it prints fits into the pipes.
    func end() async throws -> Run {
        for await _ in ended {}
        return Run(
            code: process.terminationStatus,
            output: String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self),
            errors: String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        )
    }
}

private let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"]

/// The commands of `apus` against a controller.
@Suite(.timeLimit(.minutes(3))) struct CommandLineTests {
    private static func withNode(
        _ body: @escaping @Sendable (Controller, ScriptedNode, _ endpoint: String) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            try await withServer(controller) { client in
                await node.report(to: controller)
                try await body(controller, node, client.endpoint)
            }
        }
    }

    private static func apus(_ endpoint: String, _ arguments: String...) throws -> Program {
        try Program(binary ?? "", arguments, endpoint: endpoint)
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
                binary ?? "",
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
                binary ?? "",
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
                binary ?? "",
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
        try await Self.withNode { _, _, endpoint in
            let cases: [([String], String)] = [
                (["--image", "job:1", "--cpu", "9"], "Cluster does not have enough CPU. Required: 9 Available: 4"),
                (["/nonexistent/job.json"], "/nonexistent/job.json cannot be read"),
                (["-"], "standard input is not JSON"),
                (["--image", "job:1", "--id", "a/b"], "Only characters, numbers, hyphen and underscore is allowed"),
                (["--image", "job:1", "--endpoint", "127.0.0.1:1"], "Is a controller running?"),
            ]
            for (arguments, reason) in cases {
                let run = try await Program(binary ?? "", ["tasks", "run"] + arguments, endpoint: endpoint).end()
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

    @Test func `what an executor is said to be is checked before it starts`() async throws {
        let cases: [([String], String)] = [
            (["--metadata", "rack"], "--metadata must be KEY=VALUE, not \"rack\""),
            (["--metadata", "=r1"], "the key of --metadata must be 1 to 255 bytes without spaces"),
            (["--metadata", "rack=1", "--metadata", "rack=2"], "--metadata rack is given twice"),
            (["--metadata", "rack=" + String(repeating: "x", count: 1025)], "must be at most 1024 bytes on one line"),
            (["--zone", "a b"], "--zone must be 1 to 255 bytes without spaces"),
            (["--zone", ""], "--zone must be 1 to 255 bytes without spaces"),
            (["--disk-mb=-1"], "--disk-mb must be 0 to 1099511627776"),
        ]
        for command in ["dev", "executor"] {
            for (arguments, reason) in cases {
                let run = try await Program(binary ?? "", [command] + arguments).end()
                #expect(run.code == 64, "\(command) \(arguments)")
                #expect(run.errors.contains(reason), "\(command) \(arguments): \(run.errors)")
            }
        }
    }

    @Test func `how tasks are placed is checked before a controller starts`() async throws {
        let cases: [([String], String)] = [
            (["--task-memory-weight", "-1"], "--task-memory-weight must be 0 to 1000000"),
            (["--task-memory-weight", "nan"], "--task-memory-weight must be 0 to 1000000"),
            (["--task-cpu-weight", "inf"], "--task-cpu-weight must be 0 to 1000000"),
            (["--task-memory-exponent", "17"], "--task-memory-exponent must be 0 to 16"),
            (["--task-cpu-exponent", "-1"], "--task-cpu-exponent must be 0 to 16"),
            (["--task-memory-weight", "0", "--task-cpu-weight", "0"], "something must count"),
        ]
        for command in ["dev", "controller"] {
            for (arguments, reason) in cases {
                // A value that begins with a hyphen needs the equals sign.
                let words = arguments.count == 2 ? ["\(arguments[0])=\(arguments[1])"] : arguments
                let run = try await Program(binary ?? "", [command] + words).end()
                #expect(run.code == 64, "\(command) \(words)")
                #expect(run.errors.contains(reason), "\(command) \(words): \(run.errors)")
            }
        }
    }

    @Test func `an application and a task are explained`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func explained(_ arguments: String...) async throws -> Run {
                try await Program(binary ?? "", ["explain"] + arguments, endpoint: endpoint).end()
            }
            let spec = exampleSpec(cores: 3)
            _ = await controller.post("applications/operations", create(spec, instances: 2).json.serialized)
            try await eventually("one is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            let told = try await explained("TEST_APP-1", "--executors")
            #expect(told.code == 0, "\(told.errors)")
            #expect(told.output.hasPrefix("TEST_APP-1 wants 2 instances: 1 there, 1 healthy\n"))
            #expect(told.output.contains("0 of 1 executors would take one more: 1 not enough cores\n"))
            #expect(told.output.contains("cheapest change that would make it fit: ask for 2 cores fewer\n"))
            #expect(told.output.contains("EXECUTOR") && told.output.hasSuffix("node1:3000  not enough cores\n"))
            let json = try await explained("TEST_APP-1", "--json")
            #expect(json.output.hasPrefix(#"{"appId":"TEST_APP-1","#))
            let unknown = try await explained("BATCH/T9")
            #expect((unknown.code, unknown.errors) == (1, "apus: No such task instance BATCH/T9\n"))
            #expect(try await explained("").code == 64)
            #expect(try await explained("a/b/c").code == 64)
        }
    }

    @Test func `a second deploy of a service that is down waits for it and tells that it is not done`() async throws {
        try await Self.withNode { controller, node, endpoint in
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
            try Data(exampleSpec().json.serialized.utf8).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                let summary = await controller.get("applications/TEST_APP-1").json?["data"]
                return summary?["healthyInstances"] == 1 && summary?["operation"] == nil
            }
            node.isStalled = true
            node.move(.application(AppID("TEST_APP-1")), to: .stopped, .exited(code: 1, outOfMemory: false))
            try await eventually("it is down", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 0
            }
            func deploy(_ arguments: String...) async throws -> Run {
                let command = try Program(binary ?? "", ["apps", "deploy", file.path] + arguments, endpoint: endpoint)
                try await eventually("it has ended", node, controller) { !command.isRunning }
                return try await command.end()
            }
            let unwaited = try await deploy("--no-wait")
            #expect(unwaited.code == 0, "\(unwaited.errors)")
            let first = await controller.get("applications/TEST_APP-1").json?["data"]?["operation"]?["id"]?.text
            let command = try Program(binary ?? "", ["apps", "deploy", file.path], endpoint: endpoint)
            try await eventually("it is asked for again", node, controller) {
                let now = await controller.get("applications/TEST_APP-1").json?["data"]?["operation"]
                return now?["type"] == "SCALE" && now?["id"]?.text != first
            }
            #expect(command.isRunning)
            command.interrupt()
            let interrupted = try await command.end()
            #expect(interrupted.code == 130, "\(interrupted)")
        }
    }

    @Test func `a command whose reader has gone ends as by SIGPIPE`() async throws {
        try await Self.withNode { _, _, endpoint in
            let calls = "while :; do '\(binary ?? "")' apps list; code=$?; [ $code = 0 ] || break; done"
            let text = "(\(calls); echo $code >&2) | true"
            let run = try await Program("/bin/sh", ["-c", text], endpoint: endpoint).end()
            #expect(run.errors == "141\n")
        }
    }

    @Test func `an application is restarted, stopped, started and recovered, and a refusal has its code`() async throws
    {
        try await Self.withNode { controller, node, endpoint in
            let app = AppID("TEST_APP-1")
            _ = await controller.post("applications/operations", create(instances: 2).json.serialized)
            func steady(_ count: Int64) async throws {
                try await eventually("\(count) are healthy", node, controller) {
                    let summary = await controller.get("applications/\(app)").json?["data"]
                    return summary?["healthyInstances"] == .integer(count) && summary?["operation"] == nil
                }
            }
            func apus(_ arguments: String...) async throws -> Run {
                let command = try Program(binary ?? "", ["apps"] + arguments, endpoint: endpoint)
                try await eventually("it has ended", node, controller) { !command.isRunning }
                return try await command.end()
            }
            try await steady(2)
            let restarted = try await apus("restart", "TEST_APP-1", "--parallelism", "2", "--rollback")
            #expect(restarted.code == 0, "\(restarted.errors)")
            #expect(restarted.output.hasSuffix("TEST_APP-1: RUNNING, expected 2, running 2, healthy 2\n"))
            let id = await controller.get("applications/\(app)/instances").json?["data"]?[0]?["instanceId"]?.text ?? ""
            let stopped = try await apus("stop", "TEST_APP-1", "--ids", id, "--no-respawn")
            #expect(stopped.code == 0, "\(stopped.errors)")
            #expect(stopped.output.hasSuffix("TEST_APP-1: RUNNING, expected 1, running 1, healthy 1\n"))
            let started = try await apus("start", "TEST_APP-1", "1")
            #expect(started.code == 0, "\(started.errors)")
            #expect(started.output.hasSuffix("expected 2, running 2, healthy 2\n"))
            #expect(try await apus("recover", "TEST_APP-1").code == 0)
            let cancelled = try await apus("cancel", "TEST_APP-1")
            #expect((cancelled.code, cancelled.errors) == (5, "apus: Current operation could not be cancelled\n"))
            #expect(try await apus("restart", "NOPE-1").code == 1)
            #expect(try await apus("stop", "TEST_APP-1", "--ids", "AI-9").code == 5)
            for list in ["", ","] {
                let nothing = try await apus("restart", "TEST_APP-1", "--ids", list)
                #expect(nothing.code == 64)
                #expect(nothing.errors.contains("--ids names no instance"))
            }
            #expect(try await apus("show", "").code == 64)
            let destroyed = try await apus("destroy", "TEST_APP-1")
            #expect(destroyed.code == 5)
            #expect(destroyed.errors.hasSuffix("in RUNNING state\nSuspend it first, or use --suspend\n"))
            let gone = try await apus("destroy", "TEST_APP-1", "--suspend")
            #expect(gone.code == 0, "\(gone.errors)")
        }
    }

    @Test func `a local service is created, activated, restarted and destroyed by commands`() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("service-\(UUID()).json")
        try Data(exampleService().json.bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await Self.withNode { controller, node, endpoint in
            func run(_ arguments: String...) async throws -> Run {
                let command = try Program(binary ?? "", ["localservices"] + arguments, endpoint: endpoint)
                try await eventually("it ends", node, controller) { !command.isRunning }
                return try await command.end()
            }
            let created = try await run("create", file.path)
            #expect(created.code == 0 && created.output.contains("TEST_SERVICE-1: INACTIVE"))
            let activated = try await run("activate", "TEST_SERVICE-1")
            #expect(activated.code == 0 && activated.output.contains("ACTIVE, wanted 1, running 1, healthy 1"))
            #expect(try await run("list").output.contains("TEST_SERVICE-1"))
            #expect(try await run("restart", "TEST_SERVICE-1").code == 0)
            let adjusted = try await run("adjust", "TEST_SERVICE-1")
            #expect(adjusted.code == 0, "\(adjusted.errors)")
            #expect(
                try await run("show", "TEST_SERVICE-1").output.contains("last operation: ADJUST_INSTANCES SUCCEEDED")
            )
            let told = try await Program(
                binary ?? "",
                ["explain", "--local-service", "TEST_SERVICE-1"],
                endpoint: endpoint
            ).end()
            #expect(told.output.hasSuffix("1 of 1 executors have all that is wanted there\n"), "\(told)")
            #expect(try await run("restart", "TEST_SERVICE-1", "--stop-first").code == 0)
            #expect(
                try await run("show", "TEST_SERVICE-1").output.contains("last operation: REPLACE_INSTANCES SUCCEEDED")
            )
            let again = try await run("activate", "TEST_SERVICE-1")
            #expect(again.code != 0 && again.errors.contains("Only [ADJUST_INSTANCES, DEACTIVATE"))
            #expect(try await run("deactivate", "TEST_SERVICE-1").code == 0)
            #expect(try await run("destroy", "TEST_SERVICE-1").code == 0)
            try await eventually("it is gone", node, controller) {
                await controller.get("localservices").json?["data"] == .object([])
            }
        }
    }

    @Test func `whoever waits for a local service sees its end where an executor keeps what it has, and who cancels`()
        async throws
    {
        try await Self.withNode { controller, node, endpoint in
            for operation in [
                LocalServiceOperation.create(exampleService(), instancesPerHost: 1),
                .activate(ServiceID("TEST_SERVICE-1")),
            ] { _ = await controller.post("localservices/operations", operation.json.serialized) }
            let path = "localservices/TEST_SERVICE-1"
            try await eventually("it is healthy", node, controller) {
                await controller.get(path).json?["data"]?["healthyInstances"] == 1
            }
            func start(_ arguments: String...) throws -> Program {
                try Program(binary ?? "", ["localservices"] + arguments, endpoint: endpoint)
            }
            node.troubles = ["no engine"]
            await node.report(to: controller)
            let update = try start("update-count", "TEST_SERVICE-1", "--per-host", "2", "--timeout", "30s")
            try await eventually("it ends", node, controller) { !update.isRunning }
            let updated = try await update.end()
            #expect((updated.code, updated.errors) == (0, ""))
            node.troubles = []
            node.isStalled = true
            await node.report(to: controller)
            let restart = try start("restart", "TEST_SERVICE-1", "--stop-first")
            try await eventually("it is under way", node, controller) {
                await controller.get(path).json?["data"]?["operation"]?["type"] == "REPLACE_INSTANCES"
            }
            #expect(try await start("cancel", "TEST_SERVICE-1").end().code == 0)
            let cancelled = try await restart.end()
            #expect(cancelled.code == 5, "\(cancelled)")
            #expect(
                cancelled.errors == "apus: The REPLACE_INSTANCES of TEST_SERVICE-1 was cancelled by a user\n"
            )
        }
    }

    @Test func `why an executor takes nothing, and what waits in the cluster for people, is shown`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func run(_ arguments: String...) async throws -> Run {
                try await Program(binary ?? "", arguments, endpoint: endpoint).end()
            }
            try await eventually("it is there", node, controller) {
                await controller.get("cluster").json?["data"]?["numExecutors"] == 1
            }
            let cluster = try await run("cluster", "show")
            #expect(cluster.code == 0, "\(cluster.errors)")
            #expect(
                cluster.output == """
                    cluster c1, led by ctrl1:10000: NORMAL
                    1 executors take work: 4 of 4 cores and 1024 of 1024 MB free
                    0 of 0 applications active, 0 of 0 local services active, 0 tasks active

                    """
            )
            #expect(try await run("store", "confirm").output == "the cluster is not restored from an export\n")
            let refused = try await run("store", "confirm", "--yes")
            #expect((refused.code, refused.errors) == (1, "apus: The cluster is not restored from an export\n"))
        }
        let node = ScriptedNode()
        node.isStalled = true
        try await withController(store: MemoryStore(), send: node.send) { controller in
            try await withServer(controller) { client in
                for operation in [
                    LocalServiceOperation.create(exampleService(), instancesPerHost: 1),
                    .activate(ServiceID("TEST_SERVICE-1")),
                ] { _ = await controller.post("localservices/operations", operation.json.serialized) }
                try await eventually("it waits", node, controller) {
                    await controller.get("cluster/executors").json?["data"]?[0]?["waitingFor"] != nil
                }
                let listed = try await Program(binary ?? "", ["executors", "list"], endpoint: client.endpoint).end()
                #expect(listed.output.contains("UNREADY"))
                #expect(listed.output.contains("waits for local service TEST_SERVICE-1: 0 of 1 healthy"), "\(listed)")
            }
        }
    }

    @Test func `how long what has ended is kept is checked before a controller starts`() async throws {
        let cases: [([String], String)] = [
            (["--stale-app-age", "soon"], "--stale-app-age: "),
            (["--stale-instance-age", "59s"], "--stale-instance-age must be at least 1 minute"),
            (["--stale-task-age", "x"], "--stale-task-age: "),
            (["--stale-service-age", "0s"], "--stale-service-age must be at least 1 minute"),
            (["--stale-check-interval", "1s"], "--stale-check-interval must be at least 1 minute"),
            (["--max-stale-instances-count=-1"], "--max-stale-instances-count must be 0 to 4096"),
            (["--max-stale-instances-count", "4097"], "--max-stale-instances-count must be 0 to 4096"),
        ]
        for command in ["dev", "controller"] {
            for (arguments, reason) in cases {
                let run = try await Program(binary ?? "", [command] + arguments).end()
                #expect(run.code == 64, "\(command) \(arguments)")
                #expect(run.errors.contains(reason), "\(command) \(arguments): \(run.errors)")
            }
        }
    }

    @Test(arguments: [("0", "100"), ("7", "7")])
    func `how long what has ended is kept reaches the controller, and 0 instances are 100`(
        _ given: String,
        _ kept: String
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("retention-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // What is looked for is logged before the port is taken.
        let script = """
            '\(binary ?? "")' controller --state '\(folder.path)/state' --address 127.0.0.1:\(Int.random(in: 20_000..<32_000)) \
                --max-stale-instances-count \(given) --stale-task-age 3d 2>'\(folder.path)/log' >&2 &
            tries=0
            until grep -q 'what has ended is kept' '\(folder.path)/log' || [ $tries -ge 300 ]; do
                tries=$((tries + 1)); sleep 0.1
            done
            kill -TERM $!; wait $!
            grep 'what has ended is kept' '\(folder.path)/log'
            """
        let run = try await Program("/bin/sh", ["-c", script]).end()
        #expect(run.output.contains("instances_of_each=\(kept) "), "\(run)")
        #expect(run.output.contains("tasks=259200 s"))
    }
}
