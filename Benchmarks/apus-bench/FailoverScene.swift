import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Synchronization

/// A cluster in a lab with work on it that is known in every detail.
struct FailoverScene {
    private static let firstCount = 2
    private static let steadyCount = 200

    let cluster: LabCluster
    private let clients: CountClients
    private let taskClient: TaskClient
    private let endpoints: EndpointWatch
    private let history = RegisterHistory()
    private let tasks = TaskLedger(source: "FAILOVER", image: LabCluster.image)
    /// Nobody asks anything of its instances.
    private let steady = AppID("STEADY-1")
    private let changing: [AppID]
    private let apis: [APIClient]
    /// Of whoever leads.
    private let api: APIClient

    init(_ cluster: LabCluster) {
        self.cluster = cluster
        let apis = cluster.controllers.map(\.api)
        self.apis = apis
        api = APIClient(endpoint: apis.map(\.endpoint).joined(separator: ","), as: apis[0].caller)
        changing = (1...6).map { AppID("CHANGING_\($0)-1") }
        clients = CountClients(of: apis, apps: changing, counts: 1...5, history: history)
        taskClient = TaskClient(of: apis, tasks: tasks)
        endpoints = EndpointWatch(of: cluster.controllers, app: steady, least: Self.steadyCount)
    }

    /// So many clients ask for other counts, one for tasks, and one for endpoints, until they are cancelled.
    func ask(_ clients: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.clients.run(clients, seed: 17) }
            group.addTask { try await taskClient.run(seed: 18) }
            group.addTask { try await endpoints.run() }
            try await group.waitForAll()
        }
    }

    func populate() async throws {
        for (app, count) in changing.map({ ($0, Self.firstCount) }) + [(steady, Self.steadyCount)] {
            let exposure = app == steady ? ExposureSpec(vhost: "steady.example.org", portName: "main") : nil
            let name = String(app.rawValue.dropLast(2))
            let spec = exampleSpec(name: name, image: LabCluster.image, memoryMB: 16, exposure: exposure)
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
        try await endpoints.untilAllKnow(Self.steadyCount)
    }

    /// Whoever leads has been at work: so many calls are answered, and executors do what it says.
    func isAtWork(_ times: Int) async throws {
        let before = history.counts
        try await until("the clients are answered") {
            let now = history.counts
            guard now.answered >= before.answered + times, now.written > before.written else {
                throw BenchError(description: "\(now.answered - before.answered) times so far")
            }
        }
        let task = try await accepted(by: apis)
        try await until("an executor starts a task") {
            let summary = try await api.task(task)
            guard summary.result != nil || summary.state == "RUNNING" else {
                throw BenchError(description: summary.progress)
            }
        }
    }

    /// Kills the leader, which is started again at once as a service would be.
    ///
    /// - Returns: seconds until a change is accepted; `nil` if another one led already.
    func kill() async throws -> Double? {
        let leader = try await leading()
        let (begin, wall) = (ContinuousClock.now, WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)))
        try await leader.process.kill9()
        try await leader.process.start()
        try await accepted(by: apis)
        let seconds = (ContinuousClock.now - begin).inSeconds
        return try await leadsSince() >= wall ? seconds : nil
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
    ///
    /// - Throws: `BenchError` if too little was looked at to say so.
    func faults(after kills: Int) async throws -> [(String, [String])] {
        for app in changing {
            let outcome = await history.read(app.rawValue, by: -1) { try await api.application(app).expected }
            guard outcome == .done else { throw BenchError(description: "the last count of \(app) could not be read") }
        }
        try await until("all tasks have ended", within: .seconds(120)) {
            let left = try await api.tasks().count
            guard left == 0 else { throw BenchError(description: "\(left) have not") }
        }
        let (containers, commands) = (try cluster.containers(), try cluster.commands())
        let (answered, written, unanswered) = history.counts
        print(
            "\(tasks.accepted) tasks accepted; \(answered) calls answered, \(written) of them changes, \(unanswered) "
                + "changes not; commands of \(commands.epochs.count) leaderships; endpoints were told "
                + "\(endpoints.plainAnswers) times, and \(endpoints.staleAnswers) times to whom they may be old"
        )
        let told = commands.starts(of: steady).count
        guard endpoints.plainAnswers > kills, endpoints.staleAnswers > kills else {
            throw BenchError(description: "after \(kills) kills endpoints were told too seldom to judge by")
        }
        guard tasks.accepted >= 2 * kills, commands.epochs.count > kills, told == Self.steadyCount else {
            throw BenchError(
                description: """
                    after \(kills) kills \(tasks.accepted) tasks were accepted, and executors' journals tell of \(told) of                     \(Self.steadyCount) starts and of \(commands.epochs.count) leaderships: too little to judge by
                    """
            )
        }
        let more = containers.starts(of: steady) - Self.steadyCount
        return [
            ("tasks", tasks.faults(in: containers)), ("restarted", containers.startedAgain),
            ("steady-starts", Array(repeating: "a start of \(steady) beyond \(Self.steadyCount)", count: abs(more))),
            ("ended", containers.ends(of: steady).map { "\($0)" }), ("two-leaders", commands.faults),
            ("endpoints-empty", endpoints.faults),
            (
                "order",
                history.violations(initially: Self.firstCount).sorted { $0.key < $1.key }.map { "\($0): \($1)" }
            ),
        ]
    }

    @discardableResult
    private func accepted(by controllers: [APIClient]) async throws -> TaskID {
        let accepted = Mutex<TaskID?>(nil)
        try await untilAccepted(by: controllers) { [tasks] api in
            let task = try await tasks.run(for: .milliseconds(500), on: api)
            accepted.withLock { $0 = task }
        }
        guard let task = accepted.withLock(\.self) else { throw BenchError(description: "no task was accepted") }
        return task
    }

    /// Since when whoever leads does.
    private func leadsSince() async throws -> WallTime {
        var since: WallTime?
        try await until("it is known since when somebody leads") {
            since = try await api.controllerSummaries().first { $0.state == .leader }?.since
            guard since != nil else { throw BenchError(description: "nobody leads") }
        }
        guard let since else { throw BenchError(description: "nobody leads") }
        return since
    }

    private func leading() async throws -> LabCluster.Controller {
        var leader: Int?
        try await until("somebody leads") {
            leader = await cluster.leader()
            guard leader != nil else { throw BenchError(description: "nobody does") }
        }
        guard let leader else { throw BenchError(description: "nobody leads") }
        return cluster.controllers[leader]
    }
}
