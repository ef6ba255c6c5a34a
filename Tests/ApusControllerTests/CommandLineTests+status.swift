import ApusController
import ApusModel
import ApusTestKit
import Testing

/// How the cluster is, and what somebody meant who made a mistake.
extension CommandLineTests {
    private static func apus(_ endpoint: String, _ arguments: String...) async throws -> Run {
        try await Program(Self.binary, arguments, endpoint: endpoint).end()
    }

    @Test func `the status of a cluster is one screen, and its exit code tells whether all is well`() async throws {
        // Time stands still: the executor is not given up however long the commands take.
        try await Self.withNode(time: ManualTime().source) { controller, node, endpoint in
            let exposure = ExposureSpec(vhost: "web.example.org", portName: "main")
            let spec = exampleSpec(name: "WEB", exposure: exposure)
            _ = await controller.post("applications/operations", create(spec, instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                let now = await controller.get("applications/WEB-1").json?["data"]
                return now?["healthyInstances"] == 1 && now?["operation"] == nil
            }
            let well = try await Self.apus(endpoint, "status")
            #expect(well.code == 0, "\(well)")
            #expect(
                well.output == """
                    cluster c1, led by ctrl1:10000: NORMAL
                    1 executors take work: 3 of 4 cores and 896 of 1024 MB free
                    1 of 1 applications active, 0 of 0 local services active, 0 tasks active

                    APPLICATION  HEALTHY  STATE    REMARK
                    WEB-1        1/1      RUNNING

                    """
            )
            let json = try JSON(parsing: try await Self.apus(endpoint, "status", "--json").output)
            guard case .object(let members) = json else { throw Unfulfilled("no object: \(json)") }
            #expect(
                members.map(\.key) == [
                    "cluster", "executors", "applications", "localServices", "tasks", "troubles", "well",
                ]
            )
            let named = try await Self.apus(endpoint, "status", "WEB")
            #expect(named.code == 0, "\(named)")
            #expect(named.output.hasPrefix("WEB-1: RUNNING, expected 1, running 1, healthy 1\n"), "\(named.output)")
            #expect(named.output.contains("\n  web.example.org -> node1:33857\n  INSTANCE"))
            #expect(named.output.contains("  node1     HEALTHY  "))

            node.isStalled = true
            node.troubles = ["no engine"]
            node.move(.application(AppID("WEB-1")), to: .stopped, .exited(code: 1, outOfMemory: false))
            try await eventually("it is down", node, controller) { await controller.healthy(AppID("WEB-1")) == 0 }
            let ill = try await Self.apus(endpoint, "status")
            #expect(ill.code == 3, "\(ill)")
            #expect(ill.output.contains("  node1:3000 UNREADY: no engine\n"))
            #expect(ill.output.contains("\nWEB-1        0/1      RUNNING  "))
            let one = try await Self.apus(endpoint, "status", "WEB-1", "--json")
            #expect(one.code == 3 && one.output.hasPrefix(#"{"applications":[{"application":{"id":"WEB-1","#), "\(one)")
            #expect(one.output.hasSuffix("\"well\":false}\n"))
        }
    }

    @Test func `an application is restarted and scaled by its name`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func apus(_ arguments: String...) async throws -> Run {
                let command = try Program(Self.binary, arguments, endpoint: endpoint)
                try await eventually("it ends: \(arguments)", node, controller) { !command.isRunning }
                return try await command.end()
            }
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                let now = await controller.get("applications/TEST_APP-1").json?["data"]
                return now?["healthyInstances"] == 1 && now?["operation"] == nil
            }
            let scaled = try await apus("scale", "TEST_APP", "2")
            #expect(
                scaled.code == 0 && scaled.output.hasSuffix("TEST_APP-1: RUNNING, expected 2, running 2, healthy 2\n")
            )
            let restarted = try await apus("restart", "TEST_APP-1")
            #expect(restarted.code == 0, "\(restarted.errors)")
            let unknown = "apus: App TEST_AP-1 not found: did you mean TEST_APP-1?\n"
            for command in [
                ["scale", "TEST_AP-1", "1"], ["restart", "TEST_AP-1"], ["status", "TEST_AP-1"],
                ["rollback", "TEST_AP-1"], ["apps", "show", "TEST_AP-1"],
            ] {
                let run = try await Program(Self.binary, command, endpoint: endpoint).end()
                #expect((run.code, run.errors) == (1, unknown), "\(command)")
            }
            let other = create(exampleSpec(version: "2"), instances: 1).json.serialized
            _ = await controller.post("applications/operations", other)
            let both = try await apus("scale", "TEST_APP", "1")
            #expect(both.code == 5)
            #expect(both.errors == "apus: TEST_APP runs as TEST_APP-1, TEST_APP-2: name one of them\n")
        }
    }

    @Test func `a command with a mistake in it is known again`() async throws {
        let cases: [([String], String)] = [
            (["stats"], "Did you mean `apus status`?"), (["apps", "lsit"], "Did you mean `apus apps list`?"),
            (["executor", "list"], "Did you mean `apus executors list`?"),
            (["maintenance", "shw"], "Did you mean `apus maintenance show`?"),
            (["executor", "lost"], ""), (["nothing-like-it"], ""),
        ]
        for (arguments, text) in cases {
            let run = try await Program(Self.binary, arguments).end()
            #expect(run.code == 64, "\(arguments): \(run)")
            #expect(text.isEmpty ? !run.errors.contains("Did you mean") : run.errors.hasSuffix("\(text)\n"), "\(run)")
        }
    }
}
