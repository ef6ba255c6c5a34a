import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What every command prints with `--json`, byte for byte: scripts read it.
extension CommandLineTests {
    @Test func `full suite: every command with JSON prints it as it was recorded`() async throws {
        let golden = try GoldenCommands()
        defer { golden.folder.remove() }
        try await Self.checkWithoutController(golden)
        let time = ManualTime()
        try await Self.withNode(time: time.source) { controller, node, endpoint in
            let stage = Stage(golden: golden, controller: controller, node: node, endpoint: endpoint, time: time)
            try await stage.checkLooks()
            try await stage.checkVersions()
            try await stage.checkOperations()
            try await stage.checkTasks()
            try await stage.checkServices()
            try await stage.checkCluster()
            try await stage.checkEnds()
            try await stage.checkExecutors()
        }
        try await Self.withNode(time: ManualTime().source) { _, _, endpoint in
            try await Self.checkUsers(golden, endpoint)
        }
        try await Self.checkUsage(golden)
        try await Self.checkControllers(golden)
        let wanted = try await Self.commands().filter { Self.printsJSON($0.help) }.map(\.name)
        #expect(golden.names == Set(wanted), "a command with --json is checked above, and none that is not there")
    }

    /// The same one stands on the containers of that time, which would be strangers' otherwise.
    @Test(arguments: 2...7)
    func `the cluster that an earlier version's state directory belongs to is read`(version: Int) async throws {
        let golden = URL(fileURLWithPath: "\(#filePath)/../../Golden/\(version)/state").standardized
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (state, file) = ("\(folder.path)/state", "\(folder.path)/export.jsonl")
        // What is opened is changed.
        try FileManager.default.copyItem(atPath: golden.path, toPath: state)
        let run = try await Program(Self.binary, ["store", "export", file, "--state", state]).end()
        #expect(run.code == 0, "\(run)")
        let labels = try JSON(parsing: Array(Data(contentsOf: golden.appending(path: "labels.json"))))
        let cluster = try labels.string("apus.cluster")
        let export = try String(contentsOfFile: file, encoding: .utf8)
        let header = try JSON(parsing: Array(try #require(export.split(separator: "\n").first).utf8))
        #expect(try header.string("cluster") == cluster)
    }

    private static func printsJSON(_ help: JSON) -> Bool {
        guard case .array(let arguments)? = help["arguments"] else { return false }
        return arguments.contains { argument in
            guard case .array(let names)? = argument["names"] else { return false }
            return names.contains { $0["kind"] == "long" && $0["name"] == "json" }
        }
    }

    private static func checkWithoutController(_ golden: GoldenCommands) async throws {
        func check(_ command: String, _ arguments: String...) async throws {
            let words = command.split(separator: " ").map(String.init) + arguments + ["--json"]
            try golden.check(command, try await Program(binary, words).end())
        }
        let contexts = try golden.file(
            "drove",
            """
            [DEFAULT]
            current_cluster = prod
            [prod]
            endpoint = https://prod.example
            username = u
            password = hunter22
            [dev]
            endpoint = http://127.0.0.1:10000
            insecure = true

            """
        )
        for command in ["list", "current", "view"] { try await check("config \(command)", "--drove-config", contexts) }
        let settings = try golden.file(
            "controller.yaml",
            "address: 127.0.0.1:12345\nlabel: blue\nallow-fetch: [a.example]\naudit-age: ${env:NONE:-30d}\n"
        )
        try await check("config print", "--role", "controller", "--config", settings)
        try await check("init", "app", "--name", "web")
        let recorded = URL(fileURLWithPath: "\(#filePath)/../../Golden/7/export.jsonl").standardized
        let export = try golden.file("export.jsonl", try String(contentsOf: recorded, encoding: .utf8))
        try await check("store import", export, "--dry-run")
    }

    /// From the first user on one has to be shown.
    private static func checkUsers(_ golden: GoldenCommands, _ endpoint: String) async throws {
        func check(_ command: String, _ arguments: String...) async throws {
            let words = ["users", command] + arguments + ["--json"]
            let root = ["APUS_USERNAME": "root", "APUS_PASSWORD": CallerRig.password]
            let run = try await Program(binary, words, endpoint: endpoint, environment: root).end()
            try golden.check("users \(command)", run)
        }
        let users = try golden.file(
            "users.json",
            """
            {"enabled":true,"encoding":"CRYPT","users":[{"username":"reader","password":"\(CallerRig.hash)",\
            "role":"EXTERNAL_READ_ONLY"}]}
            """
        )
        try await check("set", "root", "--role", "root", "--password-hash", CallerRig.hash)
        try await check("import", users)
        try await check("list")
        try await check("remove", "reader")
    }

    /// Of three controllers, one of them absent.
    private static func checkControllers(_ golden: GoldenCommands) async throws {
        try await ControllersAPITests.withTwo(time: ManualTime().source) { leader, standby, ballot in
            ballot.add(absent: "ctrl3:10000", ControllersAPITests.absent)
            try await withEndpoints(leader, standby) { endpoint in
                func check(_ command: String, _ arguments: String...) async throws {
                    let words = ["controllers", command] + arguments + ["--json"]
                    let run = try await Program(binary, words, endpoint: endpoint).end()
                    try golden.check("controllers \(command)", run)
                }
                try await check("list")
                try await check("forget", "ctrl3:10000")
                try await check("hand-over")
            }
        }
    }

    /// By an executor that can be asked.
    private static func checkUsage(_ golden: GoldenCommands) async throws {
        let said = Said()
        let server = try NodeServer { request in
            request.contains("/apis/v1/usage ") ? JSON.members(["instances": .array(said.usages)]).serialized : nil
        }
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        var load = NodeLoad(freeMemoryMB: 400, freeCPU: 2_500)
        load.totalMemoryMB = 1_000
        load.processors = 4
        report.load = load
        let (full, port) = (report, server.port)
        try await withController(store: MemoryStore(), time: ManualTime().source) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let list = await controller.get("applications/TEST_APP-1/instances").json?["data"]
            let id = InstanceID(try #require(list?[0]?["instanceId"]?.text))
            said.usages = [
                InstanceUsage(instance: id, cpu: 250, memoryBytes: 64 << 20, ageMilliseconds: 1_900).json
            ]
            try await withServer(controller) { client in
                let run = try await Program(binary, ["top", "--json"], endpoint: client.endpoint).end()
                try golden.check("top", run, hiding: port)
            }
        }
    }
}

/// A cluster of one executor, on which commands work one after the other, a second apart.
private struct Stage: Sendable {
    let golden: GoldenCommands
    let controller: Controller
    let node: ScriptedNode
    let endpoint: String
    let time: ManualTime

    /// Runs a command to its end while the node reports; once it is over all is as it is wanted, if it `settles`.
    @discardableResult
    private func run(
        _ words: [String],
        settles: Bool = true,
        meanwhile: () async -> Void = {}
    ) async throws -> Run {
        time.advance(by: .seconds(1))
        await node.report(to: controller)
        let command = try Program(CommandLineTests.binary, words, endpoint: endpoint)
        try await eventually("it ends: \(words)", node, controller) {
            await meanwhile()
            return !command.isRunning
        }
        let run = try await command.end()
        try #require(run.code == 0, "\(words): \(run)")
        if settles { try await eventually("\(words) has settled", node, controller) { await isSettled } }
        return run
    }

    private func check(_ command: String, _ arguments: String..., meanwhile: () async -> Void = {}) async throws {
        let words = command.split(separator: " ").map(String.init) + arguments + ["--json"]
        try golden.check(command, try await run(words, meanwhile: meanwhile))
    }

    /// Nothing is under way with any application or local service, nor lacks, nor is too much.
    private var isSettled: Bool {
        get async {
            let applications = elements(await controller.get("applications").json?["data"])
            let services = elements(await controller.get("localservices").json?["data"])
            return applications.allSatisfy { application in
                let wanted = application["requiredInstances"]
                return application["operation"] == nil && application["healthyInstances"] == wanted
                    && application["runningInstances"] == wanted
            }
                && services.allSatisfy { service in
                    let wanted = service["wantedInstances"]
                    return service["operation"] == nil && service["healthyInstances"] == wanted
                        && service["liveInstances"] == wanted
                }
        }
    }

    private func elements(_ json: JSON?) -> [JSON] {
        if case .object(let members)? = json { members.map(\.value) } else { [] }
    }

    /// The oldest one.
    private func instance(of path: String) async throws -> String {
        try #require(await controller.get("\(path)/instances").json?["data"]?[0]?["instanceId"]?.text)
    }

    // MARK: the commands, those that destroy last

    /// One instance was replaced, so there is one and one has ended.
    func checkLooks() async throws {
        try await eventually("the node is there", node, controller) {
            await controller.get("cluster").json?["data"]?["numExecutors"] == 1
        }
        try await check("apps deploy", try golden.file("first.json", exampleSpec().json.serialized))
        try await check("events")
        try await check("audit", "--action", "APPLICATION_CREATE")
        try await check("restart", "TEST_APP")
        for command in [
            "apps list", "status", "cluster show", "cluster spread show", "executors list", "executors confirm-stops",
            "maintenance status", "store confirm",
        ] { try await check(command) }
        try await check("apps show", "TEST_APP-1")
        try await check("explain", "TEST_APP-1")
        try await check("executors show", "node1")
        try await check("doctor", "--cluster-only")
    }

    func checkVersions() async throws {
        let second = exampleSpec(version: "2", env: ["COUNTRY": "no"]).json.serialized
        let file = try golden.file("second.json", second)
        try await check("plan", file)
        try await check("apply", file)
        try await check("rollback", "TEST_APP")
    }

    func checkOperations() async throws {
        try await check("scale", "TEST_APP", "2")
        try await check("apps scale", "TEST_APP-1", "1")
        try await check("apps start", "TEST_APP-1", "1")
        let oldest = try await instance(of: "applications/TEST_APP-1")
        try await check("apps stop", "TEST_APP-1", "--ids", oldest, "--no-respawn")
        try await check("apps restart", "TEST_APP-1", "--stop-first")
        try await check("apps recover", "TEST_APP-1")
        let lone = exampleSpec(name: "LONE", policy: .onePerHost).json.serialized
        try await run(["apps", "deploy", try golden.file("lone.json", lone)])
        try await run(["apps", "scale", "LONE-1", "2", "--no-wait"], settles: false)
        try await eventually("there is no place for another one", node, controller) {
            await controller.get("applications/LONE-1").json?["data"]?["shortfall"] != nil
        }
        try await check("apps cancel", "LONE-1")
    }

    func checkTasks() async throws {
        let image = ["--image", "job:1", "--source", "BATCH"]
        try await check("tasks run", image[0], image[1], image[2], image[3], "--id", "T1") {
            guard await controller.get("tasks").json?["data"]?[0]?["state"] == "RUNNING" else { return }
            let task = Owner.task(TaskID(source: "BATCH", name: "T1"))
            node.move(task, to: .stopped, .exited(code: 0, outOfMemory: false))
        }
        try await check("tasks show", "BATCH/T1")
        try await run(["tasks", "run"] + image + ["--id", "T2", "--no-wait"])
        try await eventually("it runs", node, controller) {
            await controller.get("tasks").json?["data"]?[0]?["state"] == "RUNNING"
        }
        try await check("tasks list")
        try await check("tasks kill", "BATCH/T2")
        try await check("tasks delete", "BATCH/T1")
    }

    func checkServices() async throws {
        let id = "TEST_SERVICE-1"
        try await check("localservices create", try golden.file("service.json", exampleService().json.serialized))
        try await check("localservices list")
        try await check("localservices test", id)
        try await check("localservices show", id)
        try await check("localservices activate", id)
        try await check("localservices adjust", id)
        try await check("localservices stop", id, "--ids", try await instance(of: "localservices/\(id)"))
        try await check("localservices replace", id, "--ids", try await instance(of: "localservices/\(id)"))
        try await check("localservices restart", id)
        try await check("localservices update-count", id, "--per-host", "2")
        // All cores are taken: there is no room for a new one beside those.
        try await run(["localservices", "restart", id, "--no-wait"], settles: false)
        try await eventually("there is no room", node, controller) {
            await controller.get("localservices/\(id)").json?["data"]?["obstacles"] != nil
        }
        try await check("localservices cancel", id)
        try await check("localservices deactivate", id)
        try await check("localservices destroy", id)
    }

    func checkCluster() async throws {
        try await check("cluster spread set", "host")
        try await check("cluster spread clear")
        try await check("cluster rotate-instance-keys")
        try await check("maintenance on")
        try await check("maintenance off")
    }

    func checkEnds() async throws {
        try await check("apps suspend", "LONE-1")
        try await check("apps destroy", "TEST_APP-1", "--suspend")
    }

    /// Nothing runs any more.
    func checkExecutors() async throws {
        for command in ["suspend", "resume", "blacklist", "unblacklist", "drain"] {
            try await check("executors \(command)", "node1")
        }
        try await run(["executors", "unblacklist", "node1"])
        try await check("executors retire", "node1")
    }
}
