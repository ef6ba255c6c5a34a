import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What files say is applied, planned, looked at and taken back by commands.
extension CommandLineTests {
    /// A folder of files for the time of a test.
    private static func withFolder(
        _ files: [String: String],
        _ body: (_ folder: String) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(folder.path)/\(name)")) }
        try await body(folder.path)
    }

    /// Runs a command to its end while the node reports.
    private static func apus(
        _ arguments: [String],
        _ controller: Controller,
        _ node: ScriptedNode,
        _ endpoint: String
    ) async throws -> Run {
        let command = try Program(binary, arguments, endpoint: endpoint)
        try await eventually("it ends: \(arguments)", node, controller) { !command.isRunning }
        return try await command.end()
    }

    private static func summary(_ app: String, _ controller: Controller) async -> JSON? {
        await controller.get("applications/\(app)").json?["data"]
    }

    private static func exposed(_ version: String = "1", env: [String: String] = [:]) -> ApplicationSpec {
        exampleSpec(
            name: "WEB",
            version: version,
            env: env,
            exposure: ExposureSpec(vhost: "web.example.org", portName: "main")
        )
    }

    @Test func `an application is planned, applied, found unchanged and scaled`() async throws {
        try await Self.withFolder(["web.json": Self.exposed().json.serialized]) { folder in
            try await Self.withNode { controller, node, endpoint in
                func apus(_ arguments: String...) async throws -> Run {
                    try await Self.apus(arguments, controller, node, endpoint)
                }
                try await eventually("the node is there", node, controller) {
                    await controller.get("cluster").json?["data"]?["numExecutors"] == 1
                }
                let file = "\(folder)/web.json"
                let planned = try await apus("plan", file, "--instances", "2")
                #expect(planned.code == 0, "\(planned.errors)")
                #expect(
                    planned.output == """
                        \(file): WEB-1 is created with 2 instances
                          room for 2 of 2 more: 2 on node1:3000

                        """
                )
                #expect(await controller.get("applications").json?["data"] == .object([]), "a plan changes nothing")

                let applied = try await apus("apply", file, "--instances", "2")
                #expect(applied.code == 0, "\(applied.errors)")
                #expect(applied.output.hasPrefix("\(file): WEB-1 is created with 2 instances\n"))
                #expect(applied.output.contains("\nWEB-1: RUNNING, expected 2, running 2, healthy 2\n  AI-"))
                #expect(applied.output.contains(" HEALTHY on node1, node1:33857\n"))
                #expect(applied.output.hasSuffix("\n  behind web.example.org\n"))

                let again = try await apus("apply", file)
                #expect((again.code, again.output) == (0, "\(file): WEB-1 is unchanged\n"), "\(again.errors)")
                let scaled = try await apus("apply", folder, "--instances", "3")
                #expect(scaled.output.hasPrefix("\(file): WEB-1 is scaled from 2 to 3 instances\n"), "\(scaled)")
                #expect(await Self.summary("WEB-1", controller)?["requiredInstances"] == 3)
                let full = try await apus("plan", file, "--instances", "9")
                #expect(full.code == 2, "\(full)")
                #expect(
                    full.output.contains("  room for 1 of 6 more: 1 on node1:3000\n  5 of 6 instances found no place")
                )
            }
        }
    }

    @Test func `a plan in JSON has its fields in a fixed order`() async throws {
        try await Self.withFolder(["web.json": Self.exposed(env: ["A": "2"]).json.serialized]) { folder in
            try await Self.withNode { controller, node, endpoint in
                let there = create(Self.exposed(env: ["A": "1"]), instances: 2).json.serialized
                _ = await controller.post("applications/operations", there)
                try await eventually("it is healthy", node, controller) {
                    let now = await Self.summary("WEB-1", controller)
                    return now?["healthyInstances"] == 2 && now?["operation"] == nil
                }
                let file = "\(folder)/web.json"
                let run = try await Self.apus(["plan", file, "--json"], controller, node, endpoint)
                #expect(run.code == 0, "\(run.errors)")
                let place = #"{"executorId":"\#(Self.nodeID)","hostname":"node1","port":3000,"executorState":"ACTIVE"}"#
                #expect(
                    run.output == #"{"documents":[{"document":"\#(file)","kind":"APPLICATION","id":"WEB-1-r2","#
                        + #""step":"ROLLOUT","from":"WEB-1","instances":2,"changes":[{"path":"env.A","old":"1","#
                        + #""new":"2"}],"placement":{"requested":1,"placed":1,"errors":[],"placements":[\#(place)]}}],"#
                        + #""fits":true,"refused":0}"# + "\n"
                )
            }
        }
    }

    private static let nodeID = "93b6b6f3-c7c8-3824-afc9-cb6d0b32454c"

    @Test func `every mistake of every document is told, and nothing is changed`() async throws {
        let files = [
            "a.yaml": "name: WEB\nversion: 1\n---\ntype: COMPUTATION\n", "b.json": "{", "c.yml": "a: [1\nb: 2\n",
            "d.json": Self.exposed().json.serialized, "e.yaml": Self.exposed("2").json.serialized, "notes.txt": "x",
        ]
        try await Self.withFolder(files) { folder in
            try await Self.withNode { controller, node, endpoint in
                let run = try await Self.apus(["apply", folder], controller, node, endpoint)
                #expect(run.code == 1 && run.output == "", "\(run)")
                let wanted = [
                    "apus: \(folder)/a.yaml, document 1 is not a valid specification:\n  ",
                    "Executable details is required", "\(folder)/a.yaml, document 2 is not a valid specification",
                    "\(folder)/b.json is not JSON: ", "\(folder)/c.yml is not YAML: ",
                    "\(folder)/e.yaml describes application WEB, and so does \(folder)/d.json",
                ]
                for text in wanted { #expect(run.errors.contains(text), "\(text) is not in \(run.errors)") }
                #expect(await controller.get("applications").json?["data"] == .object([]))
                let missing = try await Self.apus(["plan", "\(folder)/none.json"], controller, node, endpoint)
                #expect((missing.code, missing.output) == (1, ""))
                #expect(missing.errors.contains("none.json cannot be read"))
            }
        }
    }

    @Test func `a file of several documents brings a local service, an application and a task`() async throws {
        let task = """
            sourceAppName: BATCH
            taskId: T1
            executable: {type: DOCKER, url: "job:1", dockerPullTimeout: 100s}
            resources:
              - {type: CPU, count: 1}
              - {type: MEMORY, sizeInMB: 64}
            env:
              COUNTRY: no
            """
        let all = [exampleService().json.serialized, Self.exposed().json.serialized, task].joined(separator: "\n---\n")
        try await Self.withFolder(["all.yaml": all]) { folder in
            try await Self.withNode { controller, node, endpoint in
                let file = "\(folder)/all.yaml"
                let run = try await Self.apus(["apply", file, "--json"], controller, node, endpoint)
                #expect(run.code == 0, "\(run.errors)")
                let documents = try JSON(parsing: run.output).array("documents")
                #expect(documents.map { $0["id"]?.text } == ["TEST_SERVICE-1", "WEB-1", "BATCH/T1"])
                #expect(documents.map { $0["step"]?.text } == ["ACTIVATE", "CREATE", "RUN"])
                #expect(documents.map { $0["outcome"]?.text } == ["DONE", "DONE", "DONE"])
                #expect(documents[1]["result"]?["healthyInstances"] == 1)
                #expect(
                    run.errors.contains("\(file), document 1: local service TEST_SERVICE-1 is created and activated")
                )
                #expect(await controller.get("tasks").json?["data"]?[0]?["env"]?["COUNTRY"] == "no")
                try await eventually("the task runs", node, controller) {
                    await controller.get("tasks").json?["data"]?[0]?["state"] == "RUNNING"
                }
                let again = try await Self.apus(["plan", file], controller, node, endpoint)
                #expect(
                    again.output == """
                        \(file), document 1: TEST_SERVICE-1 is unchanged
                        \(file), document 2: WEB-1 is unchanged
                        \(file), document 3: BATCH/T1 is unchanged
                          it is RUNNING, and a task runs once. To run it again: apus tasks delete BATCH/T1

                        """
                )
            }
        }
    }

    @Test func `Ctrl-C ends the waiting and says what goes on, and what was not begun`() async throws {
        let files = ["a.json": Self.exposed().json.serialized, "b.json": exampleSpec().json.serialized]
        try await Self.withFolder(files) { folder in
            try await Self.withNode { controller, node, endpoint in
                node.isStalled = true
                let command = try Program(Self.binary, ["apply", folder], endpoint: endpoint)
                try await eventually("it waits", node, controller) {
                    await Self.summary("WEB-1", controller)?["runningInstances"] != nil
                }
                command.interrupt()
                let run = try await command.end()
                #expect(run.code == 130, "\(run)")
                #expect(run.errors.contains("what was asked of WEB-1 goes on if it was accepted"))
                #expect(run.errors.contains("Look with: apus status WEB-1\n"))
                #expect(run.errors.contains("Not begun: TEST_APP-1\n"))
                #expect(await Self.summary("WEB-1", controller)?["requiredInstances"] == 1, "it goes on")
                let planned = try await Self.apus(["plan", folder], controller, node, endpoint)
                #expect(planned.code == 0, "\(planned)")
                node.isStalled = false
                node.move(.application(AppID("WEB-1")), to: .healthy)
                let again = try await Self.apus(["apply", folder], controller, node, endpoint)
                #expect(again.code == 0, "\(again)")
                #expect(await Self.summary("WEB-1", controller)?["healthyInstances"] == 1)
            }
        }
    }

    @Test func `a changed application takes the old one's place, and a rollback goes back`() async throws {
        let files = [
            "old.json": Self.exposed().json.serialized, "new.json": Self.exposed("2", env: ["A": "1"]).json.serialized,
        ]
        try await Self.withFolder(files) { folder in
            try await Self.withNode { controller, node, endpoint in
                func apus(_ arguments: String...) async throws -> Run {
                    try await Self.apus(arguments, controller, node, endpoint)
                }
                func counts() async -> [JSON?] {
                    [
                        await Self.summary("WEB-1", controller)?["requiredInstances"],
                        await Self.summary("WEB-2", controller)?["requiredInstances"],
                    ]
                }
                #expect(try await apus("apply", "\(folder)/old.json", "--instances", "2").code == 0)
                let none = try await apus("rollback", "WEB")
                #expect(none.code == 5 && none.errors.contains("WEB has no version to go back to"), "\(none)")

                let moved = try await apus("apply", "\(folder)/new.json")
                #expect(moved.code == 0, "\(moved.errors)")
                #expect(
                    moved.output.hasPrefix(
                        "\(folder)/new.json: WEB-2 is created and takes the place of WEB-1, with 2 instances\n"
                            + #"  env.A: "1" is new"# + "\n"
                    ),
                    "\(moved.output)"
                )
                #expect(moved.output.contains("\nWEB-2: RUNNING, expected 2, running 2, healthy 2\n"))
                #expect(moved.output.hasSuffix("  back to what was before: apus rollback WEB\n"))
                #expect(await counts() == [0, 2])

                let back = try await apus("rollback", "WEB")
                #expect(back.code == 0, "\(back.errors)")
                #expect(back.output.hasPrefix("WEB-1 takes the place of WEB-2 again, with 2 instances\n"))
                #expect(back.output.hasSuffix("WEB-1: RUNNING, expected 2, running 2, healthy 2\n"))
                #expect(await counts() == [2, 0])
                let named = try await apus("rollback", "WEB", "--to", "WEB-2", "--json")
                #expect(named.code == 0 && named.output.hasPrefix(#"{"id":"WEB-2","#), "\(named)")
            }
        }
    }
}
