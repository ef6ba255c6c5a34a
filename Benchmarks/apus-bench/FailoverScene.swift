import ApusClient
import ApusLab
import ApusModel
import ApusTestKit

/// A cluster in a lab with work on it that is known in every detail.
struct FailoverScene {
    private static let firstCount = 2
    private static let steadyCount = 200

    let cluster: LabCluster
    let clients: CountClients
    private let history = RegisterHistory()
    private let tasks = TaskLedger(source: "FAILOVER", image: LabCluster.image)
    /// Nobody asks anything of its instances.
    private let steady = AppID("STEADY-1")
    private let changing: [AppID]
    private let apis: [APIClient]

    init(_ cluster: LabCluster) {
        self.cluster = cluster
        apis = cluster.controllers.map(\.api)
        changing = (1...6).map { AppID("CHANGING_\($0)-1") }
        clients = CountClients(of: apis, apps: changing, counts: 1...5, history: history)
    }

    func populate() async throws {
        let api = try await leading().api
        for (app, count) in changing.map({ ($0, Self.firstCount) }) + [(steady, Self.steadyCount)] {
            let spec = exampleSpec(name: String(app.rawValue.dropLast(2)), image: LabCluster.image, memoryMB: 16)
            _ = try await api.operate([
                "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(count)),
                "opSpec": ["timeout": "2m", "parallelism": 20, "failureStrategy": "STOP"],
            ])
            try await until("\(app) is healthy") {
                let summary = try await api.application(app)
                guard summary.healthy == count, summary.operation == nil else {
                    throw BenchError(description: "\(summary.healthy) of \(count) are")
                }
            }
        }
    }

    func clientsAreAnswered(_ times: Int) async throws {
        let before = history.counts.answered
        try await until("the clients are answered", log: { cluster.logTails }) {
            let now = history.counts.answered
            guard now >= before + times else { throw BenchError(description: "\(now - before) times so far") }
        }
    }

    /// Kills the leader, which is started again at once as a service would be.
    ///
    /// - Returns: seconds until a change is accepted.
    func kill() async throws -> Double {
        let leader = try await leading()
        let begin = ContinuousClock.now
        try await leader.process.kill9()
        try await leader.process.start()
        try await accepted(by: apis)
        return (ContinuousClock.now - begin).inSeconds
    }

    /// Asks the leader to hand over.
    ///
    /// - Returns: seconds until another one accepts a change.
    func handOver() async throws -> Double {
        let leader = try await leading()
        let others = apis.filter { $0.endpoint != leader.api.endpoint }
        let begin = ContinuousClock.now
        try await leader.api.handOver(to: nil)
        try await accepted(by: others)
        return (ContinuousClock.now - begin).inSeconds
    }

    /// What must not be, by its name, once all that was accepted is done.
    func faults() async throws -> [(String, [String])] {
        let api = try await leading().api
        for app in changing { _ = await history.read(app.rawValue, by: -1) { try await api.application(app).expected } }
        try await until("all tasks have ended", within: .seconds(120)) {
            let left = try await api.tasks().count
            guard left == 0 else { throw BenchError(description: "\(left) have not") }
        }
        let containers = try cluster.containers()
        let (answered, unanswered) = history.counts
        print("\(tasks.accepted) tasks accepted; \(answered) calls answered, \(unanswered) changes not")
        return [
            ("tasks", tasks.faults(in: containers)), ("restarted", containers.startedAgain),
            ("ended", containers.ends(of: steady).map { "\($0)" }), ("two-leaders", try cluster.commands().faults),
            (
                "order",
                history.violations(initially: Self.firstCount).sorted { $0.key < $1.key }.map { "\($0): \($1)" }
            ),
        ]
    }

    private func accepted(by controllers: [APIClient]) async throws {
        try await untilAccepted(by: controllers) { [tasks] api in
            try await tasks.run(for: .milliseconds(500), on: api)
        }
    }

    private func leading() async throws -> LabCluster.Controller {
        var leader: Int?
        try await until("somebody leads", log: { cluster.logTails }) {
            leader = await cluster.leader()
            guard leader != nil else { throw BenchError(description: "nobody does") }
        }
        guard let leader else { throw BenchError(description: "nobody leads") }
        return cluster.controllers[leader]
    }
}
