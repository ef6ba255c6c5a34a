import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Executors that are looked at, chosen and drained by commands.
extension CommandLineTests {
    private static let id = "93b6b6f3-c7c8-3824-afc9-cb6d0b32454c"
    private static let place = "node1:3000 (\(id))"

    /// With an executor that takes work.
    private static func withExecutor(
        _ body:
            @escaping @Sendable (Controller, ScriptedNode, @escaping @Sendable (String...) async throws -> Run)
            async throws -> Void
    ) async throws {
        try await withNode { controller, node, endpoint in
            try await eventually("it is there", node, controller) {
                await controller.get("cluster").json?["data"]?["numExecutors"] == 1
            }
            try await body(controller, node) { (arguments: String...) in
                let command = try Program(Self.binary, arguments, endpoint: endpoint)
                try await eventually("it ends", node, controller) { !command.isRunning }
                return try await command.end()
            }
        }
    }

    @Test func `executors are listed and shown, for people and as the API has them`() async throws {
        try await Self.withExecutor { controller, node, run in
            let listed = try await run("executors", "list")
            #expect(
                listed.output == """
                    EXECUTOR                              ADDRESS     STATE   ZONE  CORES FREE  MB FREE    CPU  MEM  TAGS  REMARK
                    93b6b6f3-c7c8-3824-afc9-cb6d0b32454c  node1:3000  ACTIVE  -     4/4         1024/1024  -    -

                    """
            )
            #expect(
                try await run("executors", "list", "--json").output == """
                    [{"executorId":"93b6b6f3-c7c8-3824-afc9-cb6d0b32454c","hostname":"node1","port":3000,\
                    "transportType":"HTTP","freeCores":4,"usedCores":0,"freeMemory":1024,"usedMemory":0,\
                    "tags":["node1"],"state":"ACTIVE","presence":"PRESENT"}]

                    """
            )
            for name in ["node1", "node1:3000", "93b6"] {
                let lines = try await run("executors", "show", name).output.split(separator: "\n")
                let shown = lines.prefix { !$0.hasPrefix("SINCE ") }
                // How long ago, and the state.
                let states = lines.dropFirst(shown.count + 1).map { $0.split(separator: " ")[2] }
                #expect(states == ["ACTIVE", "JOINING"])
                #expect(lines.last?.hasSuffix("  it was admitted") == true)
                #expect(
                    shown.filter { !$0.hasPrefix("last heard ") } == [
                        "93b6b6f3-c7c8-3824-afc9-cb6d0b32454c: ACTIVE (present)", "node1:3000, tags node1",
                        "4 cores and 1024 MB free, 0 cores and 0 MB in use",
                        "NUMA node 0: cores 0-3, 1024 MB, 4 cores and 1024 MB free",
                        "each instance has its cores to itself",
                    ]
                )
            }
            let json = try await run("executors", "show", "node1", "--json").output
            #expect(try JSON(parsing: json)["state"]?["executorId"]?.text == Self.id)
            let unknown = try await run("executors", "show", "node9")
            #expect(
                (unknown.code, unknown.errors) == (1, "apus: No executor is called node9: did you mean node1?\n")
            )
        }
    }

    @Test func `an executor that fails is shown with its channel and the states that it was in`() async throws {
        // It is not heard again, and not silent for that: programs take their time on a busy machine.
        try await Self.withNode(time: ManualTime().source) { controller, node, endpoint in
            var report = fullReport()
            report.troubles = [Trouble(.storage, "no space left on device")]
            _ = await controller.inbox.submit(report)
            func run(_ arguments: String...) async throws -> String {
                try await Program(Self.binary, arguments, endpoint: endpoint).end().output
            }
            #expect(try await run("executors", "list").contains("storage: no space left on device"))
            let shown = try await run("executors", "show", "node1")
            #expect(shown.contains("\nstorage: no space left on device\n"), "\(shown)")
            let latest = shown.split(separator: "\n").first { $0.contains(" ago ") }
            #expect(latest?.split(separator: " ").dropFirst(2).prefix(2) == ["SUSPENDED", "storage"], "\(shown)")
            let json = try JSON(parsing: try await run("executors", "show", "node1", "--json"))
            #expect(json["failedChannels"]?[0]?["channel"] == "STORAGE")
            #expect(json["history"]?[2]?["channels"] == ["STORAGE"])
            try await eventually("it is in the audit log") {
                try await run("audit", "--action", "EXECUTOR_SUSPENDED", "--json").contains(#"["STORAGE"]"#)
            }
            #expect(try await run("events").contains("STORAGE"))
        }
    }

    @Test func `who may join is checked before a controller starts`() async throws {
        for wrong in ["closed", "listed:", "listed"] {
            let run = try await Program(Self.binary, ["controller", "--admission", wrong]).end()
            #expect(run.code == 64 && run.errors.contains("--admission must be open, or listed:FILE"), "\(run)")
        }
        let state = FileManager.default.temporaryDirectory.appending(path: "admission-\(UUID())").path
        let words = ["controller", "--state", state, "--admission", "listed:/nonexistent/members"]
        let run = try await Program(Self.binary, words).end()
        #expect(run.code == 1 && run.errors.contains("/nonexistent/members cannot be opened"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: state), "nothing was begun")
    }

    @Test func `those that are meant are named, and all of them only if that is confirmed`() async throws {
        try await Self.withExecutor { controller, node, run in
            let unconfirmed = try await run("executors", "suspend", "--all")
            #expect(unconfirmed.code == 5)
            #expect(
                unconfirmed.errors == """
                    apus: All 1 executors are meant. Nothing was done; repeat it with --yes:
                      \(Self.place)

                    """
            )
            let suspended = try await run("executors", "suspend", "--all", "--yes")
            #expect((suspended.code, suspended.output) == (0, "\(Self.place) is suspended; services move\n"))
            let shown = try await run("executors", "show", "node1").output
            #expect(shown.hasPrefix("\(Self.id): UNREADY (present)\n"))
            #expect(shown.contains("\nsuspended by an operator\n"))
            let resumed = try await run("executors", "resume", "--tag", "node1")
            #expect((resumed.code, resumed.output) == (0, "\(Self.place) takes work again\n"))
            let nobody = try await run("executors", "resume", "--zone", "z9")
            #expect((nobody.code, nobody.errors) == (1, "apus: No executor stands in the zone z9\n"), "\(nobody)")
            for wrong in [["suspend"], ["suspend", "--all", "node1"], ["suspend", "node1", "--yes"], ["drain", ""]] {
                let words = ["executors"] + wrong
                #expect(try await Program(Self.binary, words).end().code == 64, "\(words)")
            }
        }
    }

    @Test func `an executor is drained, and what has no room elsewhere is told with its code`() async throws {
        try await Self.withExecutor { controller, node, run in
            let idle = try await run("executors", "drain", "node1")
            #expect((idle.code, idle.output) == (0, "node1:3000: no application is left\n"), "\(idle)")
            let json = try await run("executors", "drain", "node1", "--json")
            let drained = try JSON(parsing: json.output)["executors"]?[0]
            #expect(drained?["executorId"]?.text == Self.id)
            #expect(drained?["tasks"] == .array([]))
            #expect(try await run("executors", "unblacklist", "node1").output == "\(Self.place) takes work again\n")
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            let unwaited = try await run("executors", "drain", "node1", "--no-wait")
            #expect(unwaited.output == "\(Self.place) is blacklisted; its applications move\n")
            let stuck = try await run("executors", "drain", "node1", "--timeout", "1s")
            // There is no other executor: no room, if it was found out in time.
            #expect([2, 4].contains(stuck.code), "\(stuck)")
            #expect(stuck.output.hasPrefix("node1:3000: 1 of TEST_APP-1 left\n"))
            #expect(stuck.errors.hasPrefix("apus: Not drained yet; it goes on:\n  node1:3000: 1 of TEST_APP-1 left\n"))
        }
    }

    @Test func `Ctrl-C ends the waiting for a drain, which goes on`() async throws {
        try await Self.withNode { controller, node, endpoint in
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            let command = try Program(Self.binary, ["executors", "drain", "node1"], endpoint: endpoint)
            try await eventually("it is asked for", node, controller) {
                await controller.get("cluster/executors").json?["data"]?[0]?["state"] == "BLACKLIST_REQUESTED"
            }
            command.interrupt()
            let run = try await command.end()
            #expect(run.code == 130)
            #expect(run.errors.contains("the draining goes on if it was accepted. Look with: apus executors list"))
            #expect(await controller.get("cluster/executors").json?["data"]?[0]?["state"] == "BLACKLIST_REQUESTED")
        }
    }

    @Test func `maintenance begins, shows and ends`() async throws {
        try await Self.withExecutor { controller, node, run in
            #expect(try await run("maintenance", "status").output == "NORMAL\n")
            #expect(try await run("maintenance", "on").output == "the cluster is in the state MAINTENANCE\n")
            #expect(try await run("maintenance", "show", "--json").output == "{\"state\":\"MAINTENANCE\"}\n")
            let refused = try await run("executors", "drain", "node1")
            #expect((refused.code, refused.errors) == (5, "apus: Cluster is in maintenance mode\n"))
            #expect(try await run("maintenance", "off").output == "the cluster is in the state NORMAL\n")
        }
    }
}
