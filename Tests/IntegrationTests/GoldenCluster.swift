import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A cluster of two controllers and two executors that goes through much, and what is left of it once all has ended.
struct GoldenCluster {
    private static let app = AppID("HELLO-1")
    /// What the leader must have noted, whoever decided it.
    private static let actions: Set = [
        "APPLICATION_CREATE", "CHANGE_DENIED", "EXECUTOR_LOST", "EXECUTOR_SUSPENDED", "LEADERSHIP_ACQUIRED",
        "LEADERSHIP_HANDED_OVER",
    ]

    let cluster: LabCluster
    /// Of whoever leads.
    private let api: APIClient

    init(_ cluster: LabCluster) {
        self.cluster = cluster
        let apis = cluster.controllers.map(\.api)
        api = APIClient(endpoint: apis.map(\.endpoint).joined(separator: ","), as: apis[0].caller)
    }

    private var controllers: [String] { cluster.controllers.map(\.process.machine.address) }

    private func set(_ change: (inout LinkFaults) -> Void) async throws {
        var faults = LinkFaults()
        change(&faults)
        try await cluster.lab.set(faults)
    }

    // MARK: what it goes through

    /// The second executor's port is not reached, and then nothing of it.
    func loseAnExecutor() async throws {
        let address = cluster.executors[1].process.machine.address
        try await set { $0.cut(from: controllers, to: [address], port: LabCluster.executorPort) }
        try await until("it is suspended", log: { cluster.logTails }) {
            let last = try await past().last
            try check(last?["state"] == "SUSPENDED" && last?["channels"] == ["CONTROL"], "\(String(describing: last))")
        }
        try await set { $0.cut([address], from: controllers) }
        try await until("it is given up", log: { cluster.logTails }) {
            let last = try await past().last
            try check(last?["state"] == "LOST", "\(String(describing: last))")
        }
    }

    /// The states of the second executor.
    func past() async throws -> [JSON] {
        let address = cluster.executors[1].process.machine.address
        guard let summary = try await api.executorSummaries().first(where: { $0.hostname == address }) else {
            throw Unfulfilled("\(address) is not listed")
        }
        return try await api.executor(summary.id).array("history")
    }

    /// Both instances of a service are replaced, and tasks end in each way; all stands on the first executor.
    func work() async throws {
        _ = try await deploy(api, "HELLO", instances: 2)
        _ = try await api.operate([
            "type": "REPLACE_INSTANCES", "appId": Self.app.json, "instanceIds": [],
            "opSpec": DevCluster.opSpec(parallelism: 2),
        ])
        try await until("both are replaced", log: { cluster.logTails }) {
            let (summary, ended) = (try await api.application(Self.app), try await ended())
            try check(
                summary.healthy == 2 && summary.operation == nil && ended == 2,
                "\(summary.healthy) are healthy, \(ended) have ended"
            )
        }
        for (name, script) in [("OK", "sleep 0.2"), ("BAD", "sleep 0.2; exit 3"), ("LONG", "sleep 600")] {
            let executable: JSON = [
                "type": "DOCKER", "url": .string(LabCluster.image), "dockerPullTimeout": "20 seconds",
            ]
            let spec = shellTask(task(name), script).with(["executable": executable])
            try await api.operateTask(["type": "CREATE", "spec": spec, "opSpec": DevCluster.opSpec(parallelism: 1)])
        }
        try await until("the long one runs", log: { cluster.logTails }) {
            let state = try await api.task(task("LONG")).state
            try check(state == "RUNNING", "it is \(state)")
        }
        try await api.operateTask([
            "type": "KILL", "sourceAppName": "JOBS", "taskId": "LONG", "opSpec": DevCluster.opSpec(parallelism: 1),
        ])
        for (name, result) in [("OK", "SUCCESSFUL"), ("BAD", "FAILED"), ("LONG", "CANCELLED")] {
            try await until("\(name) has ended", log: { cluster.logTails }) {
                let task = try await api.task(task(name))
                try check(task.result?.status == result, task.progress)
            }
        }
    }

    private func task(_ name: String) -> TaskID { TaskID(source: "JOBS", name: name) }
    private func ended() async throws -> Int { try await api.endedInstances(of: Self.app, atMost: 9).count }

    func findTheExecutor() async throws {
        try await set { _ in }
        try await untilWhole()
    }

    private func untilWhole() async throws {
        try await until("both executors take work", log: { cluster.logTails }) {
            let executors = try await api.executorSummaries()
            try check(
                executors.count == 2 && executors.allSatisfy { $0.state == "ACTIVE" && $0.presence == "PRESENT" },
                "\(executors.map { "\($0.state) \($0.presence)" })"
            )
            let healthy = try await api.application(Self.app).healthy
            try check(healthy == 2, "\(healthy) are healthy")
        }
    }

    /// A leader that hears no executor makes way for the other controller; somebody is turned away where it stands by then.
    func makeWay() async throws {
        let leader = try await cluster.leading()
        let executors = cluster.executors.map(\.process.machine.address)
        try await set { $0.cut([leader.process.machine.address], from: executors) }
        try await cluster.anotherLeads(than: leader, within: .seconds(60))
        try await set { _ in }
        try await untilWhole()
        let stranger = APIClient(
            endpoint: leader.api.endpoint,
            as: Caller(.basic(username: "root", password: "a wrong one"))
        )
        await #expect(throws: ClientError.self) { try await stranger.setMaintenance(true) }
        try await until("all is in the log of the one that leads", log: { cluster.logTails }) {
            let noted = Set(try await api.audit([(name: "size", value: "1000")]).records.map(\.action))
            try check(Self.actions.isSubset(of: noted), "\(Self.actions.subtracting(noted).sorted()) are missing")
        }
    }

    // MARK: what is left of it

    /// Ends it, and puts what is left into a folder: the tree in ZooKeeper, the audit log of the last leader, what the
    /// first executor has, and a store that is RESTORED from an export.
    func leave(in folder: String) async throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/executor", withIntermediateDirectories: true)
        let start = try cluster.containers().entries.last {
            $0.event == .start && $0.labels["apus.app.id"] == Self.app.rawValue
        }
        try "\(JSON.strings(#require(start).labels).serialized)\n"
            .write(toFile: "\(folder)/labels.json", atomically: true, encoding: .utf8)
        try await restore(in: folder)

        let leader = try #require(await cluster.leader())
        for (number, controller) in cluster.controllers.enumerated() where number != leader {
            try await controller.process.terminate()
        }
        try await cluster.controllers[leader].process.terminate()
        try await cluster.executors[0].process.terminate()
        let lab = cluster.lab.folder
        try copy(["audit.sqlite"], from: "\(lab)/controller-\(leader + 1)", to: folder)
        try copy(["journal", "node.json"], from: "\(lab)/executor-1/executor", to: "\(folder)/executor")
        let servers = try #require(cluster.zooKeeper).addresses
        try await ZooKeeperDump(servers: servers, credentialFile: "\(lab)/credential")
            .write(to: "\(folder)/zookeeper.jsonl")
    }

    private func restore(in folder: String) async throws {
        let scratch = try TemporaryFolder()
        defer { scratch.remove() }
        let (export, state) = ("\(scratch.path)/export.jsonl", "\(scratch.path)/restored")
        var bytes: [UInt8] = []
        for try await piece in try await api.exportStore().pieces { bytes += piece }
        try Data(bytes).write(to: URL(filePath: export))
        let command = try ApusProcess(["store", "import", export, "--state", state], log: "\(scratch.path)/import.log")
        try command.start()
        let code = await command.end()
        try check(code == 0, "the import ended with \(code): \(command.logTail)")
        try copy(["cluster", "state.db"], from: state, to: folder)
    }

    /// With what SQLite has beside a file that nobody closed.
    private func copy(_ names: [String], from source: String, to folder: String) throws {
        let files = FileManager.default
        for name in names { try files.copyItem(atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)") }
        for log in names.map({ "\($0)-wal" }) where files.fileExists(atPath: "\(source)/\(log)") {
            try files.copyItem(atPath: "\(source)/\(log)", toPath: "\(folder)/\(log)")
        }
    }
}
