import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// The commands of `apus` against a controller.
@Suite(.timeLimit(.minutes(3))) struct CommandLineTests {
    static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""

    /// Runs a controller that is served, with one executor.
    static func withNode(
        time: TimeSource = .system(),
        _ body: @escaping @Sendable (Controller, ScriptedNode, _ endpoint: String) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), time: time, send: node.send) { controller in
            try await withServer(controller) { client in
                await node.report(to: controller)
                try await body(controller, node, client.endpoint)
            }
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
            (["--quantity", "disk=x"], "--quantity disk must be 0 to 1099511627776"),
            (["--os-cores", "3-1"], "--os-cores has 3-1, which is no range of numbers"),
            (["--exposed-memory", "49"], "--exposed-memory must be 50 to 100"),
            (["--memory-multiplier", "21"], "--memory-multiplier must be 1 to 20"),
            (["--metadata-limit", "1025"], "--metadata-limit must be 1 to 1024"),
            (["--metadata-interval", "0s"], "--metadata-interval must be at least 1s"),
            (["--metadata-command", "rack="], "--metadata-command names no program"),
            (["--metadata-command", "a=b", "--metadata-shell", "a=c"], "two options tell the metadata a"),
            (["--zone-env", "A", "--zone-command", "b"], "two options tell the zone"),
        ]
        for command in ["dev", "executor", "node"] {
            for (arguments, reason) in cases {
                let run = try await Program(Self.binary, [command] + arguments).end()
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
        for command in ["dev", "controller", "node"] {
            for (arguments, reason) in cases {
                // A value that begins with a hyphen needs the equals sign.
                let words = arguments.count == 2 ? ["\(arguments[0])=\(arguments[1])"] : arguments
                let run = try await Program(Self.binary, [command] + words).end()
                #expect(run.code == 64, "\(command) \(words)")
                #expect(run.errors.contains(reason), "\(command) \(words): \(run.errors)")
            }
        }
    }

    @Test func `an application and a task are explained`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func explained(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, ["explain"] + arguments, endpoint: endpoint).end()
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

    @Test func `a command whose reader has gone ends as by SIGPIPE`() async throws {
        try await Self.withNode { _, _, endpoint in
            let calls = "while :; do '\(Self.binary)' apps list; code=$?; [ $code = 0 ] || break; done"
            let text = "(\(calls); echo $code >&2) | true"
            let run = try await Program("/bin/sh", ["-c", text], endpoint: endpoint).end()
            #expect(run.errors == "141\n")
        }
    }

    @Test func `why an executor takes nothing, and what waits in the cluster for people, is shown`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func run(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, arguments, endpoint: endpoint).end()
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
                let listed = try await Program(Self.binary, ["executors", "list"], endpoint: client.endpoint).end()
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
        for command in ["dev", "controller", "node"] {
            for (arguments, reason) in cases {
                let run = try await Program(Self.binary, [command] + arguments).end()
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
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // What is looked for is logged before the port is taken.
        let script = """
            '\(Self.binary)' controller --state '\(folder.path)/state' --address 127.0.0.1:\(Int.random(in: 20_000..<32_000)) \
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
