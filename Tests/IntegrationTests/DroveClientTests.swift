import ApusClient
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// With the client of PyPI as it is, so the test needs PyPI (or a pip that knows another index).
    @Test(.timeLimit(.minutes(3)))
    func `the drove command of PyPI creates, scales, restarts, suspends and destroys an app, and runs and kills tasks`()
        async throws
    {
        try await withDevCluster { cluster in
            let drove = try DroveClient(endpoint: cluster.api.endpoint)
            defer { drove.close() }
            let spec = try drove.file("web.json", service("WEB", interval: "200 ms"))
            let app = AppID("WEB-1")
            let simulation = ["cluster", "simulate-placement", spec, "--num-instances", "2", "--detail"]
            let simulated = try drove.run(simulation)
            #expect(simulated.contains("Requested instances: 2\nPlaced instances:    2\nErrors:              0\n"))
            #expect(simulated.split(separator: "\n").count { $0.contains("ACTIVE") } == 2, "\(simulated)")
            let policy = try drove.file("one.json", ["type": "ONE_PER_HOST"])
            try drove.expect(
                "2 of 3 instances found no place",
                from: simulation[0],
                simulation[1],
                spec,
                "-n",
                "3",
                "--placement-policy",
                policy
            )
            let broken = try drove.file("broken.json", ["name": "WEB"])
            try drove.expect("  - spec.version - App version is mandatory", from: simulation[0], simulation[1], broken)
            try drove.expect("Application created with app id: WEB-1", from: "apps", "create", spec)
            try drove.expect("Application scaling command accepted", from: "apps", "scale", "WEB-1", "2", "-p", "2")
            try await cluster.settle(app, at: 2)
            let list = try drove.run("apps", "list").split(separator: "\n")
            let line = list.first { $0.hasPrefix("WEB-1") }?.split(whereSeparator: \.isWhitespace).map(String.init)
            #expect(line.map { Array($0.prefix(7)) } == ["WEB-1", "WEB", "RUNNING", "2", "64", "2", "2"], "\(list)")
            try drove.expect("healthyInstances              2", from: "apps", "summary", "WEB-1")
            try drove.expect("\"name\": \"WEB\"", from: "apps", "spec", "WEB-1")
            let before = Set(try await cluster.api.instances(of: app).map(\.id))
            let table = try drove.run("appinstances", "list", "WEB-1")
            #expect(before.allSatisfy { table.contains($0.rawValue) }, "\(table)")
            let one = try #require(before.first)
            try drove.expect(one.rawValue, from: "appinstances", "info", "WEB-1", one.rawValue)

            try drove.expect("Application restart command accepted.", from: "apps", "restart", "WEB-1", "-p", "2")
            try await cluster.settle(app, at: 2)
            let after = Set(try await cluster.api.instances(of: app).map(\.id))
            #expect(after.isDisjoint(with: before), "all are replaced")
            try drove.expect("Application suspend command accepted.", from: "apps", "suspend", "WEB-1", "-p", "2")
            try await cluster.settle(app, at: 0)
            try drove.expect("Application destroyed", from: "apps", "destroy", "WEB-1")
            try await cluster.eventually("it is gone") {
                try check(try await cluster.api.applications().isEmpty, "it is listed")
            }
            try drove.expect("App WEB-1 not found", from: "apps", "summary", "WEB-1")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `the drove command of PyPI blacklists and unblacklists an executor, and sets and ends maintenance`()
        async throws
    {
        try await withDevCluster { cluster in
            let drove = try DroveClient(endpoint: cluster.api.endpoint)
            defer { drove.close() }
            let id = try #require(try await cluster.api.executorSummaries().first?.id)
            try drove.expect(
                "Blacklisting successful and app movement scheduled",
                from: "executor",
                "blacklist",
                id.rawValue
            )
            try await cluster.eventually("it is blacklisted") {
                let list = try drove.run("executor", "list")
                try check(list.contains("BLACKLISTED") && list.contains(id.rawValue), "\(list)")
            }
            try drove.expect("Successful: \(id)", from: "executor", "unblacklist", id.rawValue)
            try drove.expect("ACTIVE", from: "executor", "list")
            _ = try drove.run("cluster", "maintenance-on")
            try drove.expect("MAINTENANCE", from: "cluster", "summary")
            _ = try drove.run("cluster", "maintenance-off")
            try drove.expect("NORMAL", from: "cluster", "summary")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `the drove command of PyPI runs a task, shows how it ended and its log, and kills another`() async throws {
        try await withDevCluster { cluster in
            let drove = try DroveClient(endpoint: cluster.api.endpoint)
            defer { drove.close() }
            let (short, long) = (TaskID(source: "JOBS", name: "SHORT"), TaskID(source: "JOBS", name: "LONG"))
            let shortSpec = try drove.file("short.json", shellTask(short, "echo done; exit 3"))
            let longSpec = try drove.file("long.json", shellTask(long, "sleep 600"))
            try drove.expect("Drove assigned task ID: JOBS-LONG", from: "tasks", "create", longSpec)
            try drove.expect("Drove assigned task ID: JOBS-SHORT", from: "tasks", "create", shortSpec)
            #expect(try await cluster.ended(short).result == "FAILED 3")
            try drove.expect("FAILED (Task exit code: 3)", from: "tasks", "show", "JOBS", "SHORT")
            try drove.expect("output.log", from: "tasks", "logs", "JOBS", "SHORT")
            try await cluster.eventually("the other runs") {
                try check(try await cluster.task(long).string("state") == "RUNNING", "not yet")
            }
            let list = try drove.run("tasks", "list")
            #expect(list.contains("LONG") && list.contains("RUNNING") && !list.contains("SHORT"), "\(list)")
            try drove.expect("Task kill issued", from: "tasks", "kill", "JOBS", "LONG")
            #expect(try await cluster.ended(long).result == "CANCELLED -1")
            try drove.expect("Task already exists", from: "tasks", "create", shortSpec)
            try await cluster.expectNothing(but: 0)
        }
    }
}

/// The `drove` command.
private struct DroveClient {
    private let program: String
    private let folder: String
    private let endpoint: String

    init(endpoint: String) throws {
        self.endpoint = endpoint
        program = try PythonPackage.drove.get() + "/drove"
        folder = NSTemporaryDirectory() + "drove-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    func close() { try? FileManager.default.removeItem(atPath: folder) }

    /// Writes a specification.
    ///
    /// - Returns: its path.
    func file(_ name: String, _ spec: JSON) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(spec.bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// What it says; its exit code is 0.
    func run(_ arguments: String...) throws -> String { try run(arguments) }

    func expect(_ text: String, from arguments: String...) throws {
        let output = try run(arguments)
        #expect(output.contains(text), "drove \(arguments.joined(separator: " ")): \(output)")
    }

    func run(_ arguments: [String]) throws -> String {
        let (code, output) = try PythonPackage.execute(program, ["--endpoint", endpoint] + arguments)
        #expect(code == 0, "drove \(arguments.joined(separator: " ")): \(output)")
        return output
    }
}
