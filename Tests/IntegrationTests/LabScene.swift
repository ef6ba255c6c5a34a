import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A cluster in a lab with work on it that is known in every detail, for one scenario.
struct LabScene: Sendable {
    /// What has happened so far.
    struct Record {
        var containers: ContainerRecord
        var commands: CommandRecord
        /// Of `steady`, by the number of the executor.
        var steady: [Set<InstanceID>]
        var time: WallTime

        var allSteady: Set<InstanceID> { steady.reduce(into: []) { $0.formUnion($1) } }
    }

    /// Who leads, and since when.
    struct Leadership: Hashable {
        var controller: String
        var since: WallTime?
    }

    /// Nobody asks anything of its instances, of which each executor has some.
    static let steady = AppID("STEADY-1")
    static let steadyCount = 12
    /// Clients read and change their counts.
    static let changing = ["A", "B", "C", "D"].map { AppID("\($0)-1") }
    static let firstCount = 1

    let cluster: LabCluster
    let zooKeeper: LabZooKeeper
    /// Of whoever leads.
    let api: APIClient
    let history = RegisterHistory()
    let tasks: TaskLedger
    private let clients: CountClients

    static func populate(_ cluster: LabCluster) async throws {
        let api = api(of: cluster)
        for app in changing { _ = try await deploy(api, String(app.rawValue.dropLast(2)), instances: firstCount) }
        let name = String(steady.rawValue.dropLast(2))
        _ = try await deploy(api, name, instances: steadyCount, vhost: "steady.example.org")
    }

    private static func api(of cluster: LabCluster) -> APIClient {
        let apis = cluster.controllers.map(\.api)
        return APIClient(endpoint: apis.map(\.endpoint).joined(separator: ","), as: apis[0].caller)
    }

    init(_ cluster: LabCluster) throws {
        self.cluster = cluster
        zooKeeper = try #require(cluster.zooKeeper)
        api = Self.api(of: cluster)
        tasks = TaskLedger(source: "LAB_\(UUID().uuidString.prefix(8))", image: LabCluster.image)
        let apis = cluster.controllers.map(\.api)
        clients = CountClients(of: apis, apps: Self.changing, counts: 1...4, history: history)
    }

    // MARK: before and after

    /// Mends all links, has all processes run, and waits until all is as it was in the beginning.
    func makeWhole() async throws {
        try await cluster.lab.set(LinkFaults())
        for process in cluster.processes {
            process.goOn()
            if !process.isRunning { try await process.start() }
        }
        try await until(
            "the cluster is whole",
            within: .seconds(90),
            every: .milliseconds(200),
            log: { cluster.logTails }
        ) {
            let controllers = try await api.controllerSummaries().map(\.state.rawValue).sorted()
            try check(controllers == ["LEADER", "STANDBY", "STANDBY"], "the controllers are \(controllers)")
            let executors = try await api.executorSummaries()
            try check(
                executors.count == cluster.executors.count
                    && executors.allSatisfy { $0.state == "ACTIVE" && $0.presence == "PRESENT" },
                "the executors are \(executors.map { "\($0.state) \($0.presence)" })"
            )
            let (summary, instances) = (
                try await api.application(Self.steady), try await api.instances(of: Self.steady)
            )
            try check(
                summary.healthy == Self.steadyCount && instances.count == Self.steadyCount,
                "\(summary.healthy) of \(instances.count) instances are healthy"
            )
            let containers = try cluster.containers()
            let running = containers.running(of: Self.steady).count
            try check(running == Self.steadyCount, "\(running) containers run")
        }
    }

    /// Has the counts at which clients begin.
    func settleCounts() async throws {
        for app in Self.changing {
            try await until("\(app) is at its first count", within: .seconds(120), log: { cluster.logTails }) {
                let summary = try await api.application(app)
                if summary.expected != Self.firstCount { try await api.scale(app, to: Self.firstCount) }
                try check(
                    summary.expected == Self.firstCount && summary.healthy == Self.firstCount
                        && summary.operation == nil,
                    "\(summary.healthy) of \(summary.expected) are healthy"
                )
            }
        }
    }

    // MARK: clients

    /// Asks until it is cancelled.
    func askAllTheWhile() async throws {
        async let tasksAreAsked: Void = TaskClient(of: cluster.controllers.map(\.api), tasks: tasks).run(seed: 2)
        try await clients.run(4, seed: 1)
        try await tasksAreAsked
    }

    /// Reads and changes alike.
    func clientsAreAnswered() async throws {
        let before = history.counts
        try await until("the clients are answered", log: { cluster.logTails }) {
            let now = history.counts
            try check(now.answered > before.answered + 40, "only some are")
            try check(now.written >= before.written + 10, "only \(now.written - before.written) changes are taken")
        }
    }

    /// Whoever leads accepts a change.
    func untilAccepted() async throws {
        try await ApusLab.untilAccepted(by: cluster.controllers.map(\.api)) { [tasks] api in
            try await tasks.run(for: .milliseconds(200), on: api)
        }
    }

    /// Asks one controller for a change.
    func change(at controller: LabCluster.Controller) async -> TaskLedger.Fate {
        await tasks.ask(for: .milliseconds(200), on: controller.api)
    }

    /// It takes so many at once, and has begun to have them started a moment later.
    ///
    /// No longer: after 2 s it would give up those commands to which no executor answered.
    func takesTasks(_ count: Int, _ controller: LabCluster.Controller) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask { try await tasks.run(for: .milliseconds(200), on: controller.api) }
            }
            try await group.waitForAll()
        }
        try await passes(.milliseconds(500))
    }

    // MARK: controllers

    func leading() async throws -> LabCluster.Controller { try await cluster.leading() }

    func anotherLeads(than old: LabCluster.Controller, within limit: Duration = .seconds(40)) async throws {
        try await cluster.anotherLeads(than: old, within: limit)
    }

    func standsBy(_ controller: LabCluster.Controller) async throws {
        try await until("it stands by", log: { controller.process.logTail }) {
            do {
                try await controller.api.ping()
            } catch let error as ClientError where error.message.contains("not the leader") {
                return
            }
            throw Unfulfilled("it answers as a leader")
        }
        #expect(controller.process.isRunning, "it stands by instead of ending")
    }

    func leadership() async throws -> Leadership {
        var found: Leadership?
        try await until("somebody leads", log: { cluster.logTails }) {
            found = try await api.controllerSummaries().first { $0.state == .leader }
                .map { Leadership(controller: $0.id, since: $0.since) }
            try check(found != nil, "nobody does")
        }
        return try #require(found)
    }

    func passes(_ span: Duration) async throws {
        let end = ContinuousClock.now + span
        try await until("\(span) are over", within: span + .seconds(30), every: .milliseconds(500)) {
            try check(ContinuousClock.now >= end, "they are not")
        }
    }

    // MARK: executors

    func summary(of executor: LabCluster.Executor) async throws -> ExecutorSummary {
        let address = executor.process.machine.address
        return try #require(try await api.executorSummaries().first { $0.hostname == address })
    }

    /// When an executor was given up the last time; `nil` if it never was.
    func loss(of id: ExecutorID) async throws -> WallTime? {
        let details = try await api.executor(id)
        guard details["history"] != nil else { return nil }
        let last = try details.array("history").last { $0["state"]?.text == "LOST" }
        return try last.map { WallTime(milliseconds: try $0.integer("at")) }
    }

    /// The executors that were given up since then.
    func losses(since time: WallTime) async throws -> [String] {
        var lost: [String] = []
        for executor in try await api.executorSummaries() {
            if let loss = try await loss(of: executor.id), loss >= time { lost.append(executor.hostname) }
        }
        return lost
    }

    // MARK: links

    var controllerAddresses: [String] { cluster.controllers.map(\.process.machine.address) }
    var executorAddresses: [String] { cluster.executors.map(\.process.machine.address) }
    var zooKeeperAddresses: [String] { zooKeeper.servers.map(\.machine.address) }

    func set(_ change: (inout LinkFaults) -> Void) async throws {
        var faults = LinkFaults()
        change(&faults)
        try await cluster.lab.set(faults)
    }
}
