import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// At named points of the controller and at random, with operations and tasks under way.
    @Test(.timeLimit(.minutes(10)))
    func
        `kill -9 twenty times under operations and tasks: nothing accepted is lost, nothing runs twice, nothing leaks`()
        async throws
    {
        let given = ProcessInfo.processInfo.environment["APUS_TEST_SEED"].flatMap(UInt64.init)
        try await killTwentyTimes(seed: given ?? 4711)
    }

    @Test(.timeLimit(.minutes(10)))
    func `full suite: kill -9 twenty times, with another seed in each run`() async throws {
        try await killTwentyTimes(seed: UInt64.random(in: 1...9999))
    }

    private func killTwentyTimes(seed: UInt64) async throws {
        print("kill -9 test: APUS_TEST_SEED=\(seed)")
        try await withWatchedCluster { cluster, watch in
            var round = KillRound(cluster: cluster, watch: watch, random: SplitMix64(seed: seed))
            let steady = try await cluster.deploy(service("STEADY"), instances: 2)
            try await cluster.settle(steady, at: 2)
            let untouched = try await cluster.containers().map(\.id)

            let points = round.points()
            var found: [KillRound.Found] = []
            for point in points {
                await cluster.kill9()
                try cluster.start(crashAt: point)
                found.append(try await round.run())
            }
            let busy = found.count(where: \.any)
            let (work, cut) = (found.count(where: \.work), found.count(where: \.request))
            print("\(busy) of \(points.count) kills landed with work in a queue:")
            print("\(work) with an operation or a task under way, \(cut) with a request that got no answer")
            print("asked for: \(round.ledger.summary); containers started: \(watch.startedContainers.count)")
            #expect(busy >= points.count / 2, "too few kills met any work")

            try await cluster.startAndAnswer()
            for endless in round.ledger.endless { _ = await KillRequest.kill(endless).ask(cluster.api.endpoint) }
            try await round.ledger.expectTasks(cluster, watch)
            let instances = try await round.ledger.expectApplications(cluster)
            try await cluster.settle(steady, at: 2)
            try await cluster.expectNothing(but: instances + 2)
            let now = try await cluster.containers().map(\.id)
            #expect(untouched.allSatisfy(now.contains), "containers that nobody touched were replaced")
            watch.expectEachStartedOnce()
        }
    }
}

/// One life of the process between two kills.
private struct KillRound {
    /// When so much has happened since the requests, or so much time has passed, the kill comes.
    private static let mostEvents = 12
    private static let longest = Duration.seconds(3)

    /// What a kill met.
    struct Found {
        /// An operation, or a task that has yet to start or to end by itself.
        var work = false
        /// A request got no answer.
        var request = false
        var any: Bool { work || request }
    }

    let cluster: DevCluster
    let watch: KillWatch
    var random: SplitMix64
    var ledger = KillLedger()
    /// How many tasks were thought of.
    private var tasks = 0

    init(cluster: DevCluster, watch: KillWatch, random: SplitMix64) {
        self.cluster = cluster
        self.watch = watch
        self.random = random
    }

    /// Where each of the lives ends; `nil` is any moment.
    mutating func points() -> [String?] {
        let places = ["before-commit", "after-commit", "after-send"]
        let named = (0..<6).map { "\(places[$0 % 3]):\(Int.random(in: 1...4, using: &random))" }
        return (named + Array(repeating: nil, count: 14)).shuffled(using: &random)
    }

    /// Asks for this and that, and kills the process.
    mutating func run() async throws -> Found {
        try await cluster.eventually("it answers, or is gone") {
            if cluster.isRunning { try await cluster.api.ping() }
        }
        var found = Found()
        for _ in 0..<Int.random(in: 2...3, using: &random) {
            guard let request = await choose() else { break }
            if await ask(request) == .none { found.request = true }
        }
        let events = watch.count + Int.random(in: 0...Self.mostEvents, using: &random)
        try? await cluster.eventually("the moment", within: Self.longest) {
            if let work = await hasWork() { found.work = work }
            if !found.work, let request = await choose(), await ask(request) == .none { found.request = true }
            try check(watch.count >= events || !cluster.isRunning, "not yet")
        }
        // One more request, which the kill may cut off.
        if let request = await choose() {
            let endpoint = cluster.api.endpoint
            async let answer = request.ask(endpoint)
            try await DevCluster.moment(.microseconds(Int.random(in: 0...8000, using: &random)))
            await cluster.kill9()
            let end = await answer
            ledger.note(request, end)
            if end == .none { found.request = true }
        }
        await cluster.kill9()
        return found
    }

    private mutating func ask(_ request: KillRequest) async -> KillRequest.Answer {
        let answer = await request.ask(cluster.api.endpoint)
        ledger.note(request, answer)
        return answer
    }

    // An instance that is not healthy is no proof of work: after a restart none is at first. `nil`: nobody answers.
    private func hasWork() async -> Bool? {
        guard cluster.isRunning, let applications = try? await cluster.api.applications(),
            case .array(let tasks)? = try? await cluster.api.get("tasks")
        else { return nil }
        return applications.contains { $0.operation != nil }
            || tasks.contains { task in
                let id = TaskID(source: task["sourceAppName"]?.text ?? "", name: task["taskId"]?.text ?? "")
                return task["state"]?.text != "RUNNING" || !ledger.endless.contains(id)
            }
    }

    /// Something that the cluster is likely to accept; `nil` if nobody answers.
    private mutating func choose() async -> KillRequest? {
        if Int.random(in: 0..<5, using: &random) < 2 { return chooseTask() }
        let app = AppID("K\(Int.random(in: 0...3, using: &random))-1")
        let count = Int.random(in: 1...3, using: &random)
        guard cluster.isRunning, let applications = try? await cluster.api.applications() else { return nil }
        guard let known = applications.first(where: { $0.id == app }) else { return .create(app, count) }
        switch known.state {
        case "MONITORING":
            return Bool.random(using: &random) ? .destroy(app) : .scale(app, count)
        case "RUNNING":
            guard let live = try? await cluster.api.instances(of: app) else { return nil }
            let healthy = live.filter { $0.state == "HEALTHY" }.map(\.id)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return .suspend(app)
            case 1, 2: return healthy.isEmpty ? .scale(app, count) : .replace(app, healthy)
            case 3: return healthy.isEmpty ? .scale(app, count) : .stop(app, Array(healthy.prefix(1)))
            default: return .scale(app, count)
            }
        default: return .scale(app, count)
        }
    }

    private mutating func chooseTask() -> KillRequest {
        if let endless = ledger.unkilled.randomElement(using: &random), Bool.random(using: &random) {
            return .kill(endless)
        }
        let isEndless = Int.random(in: 0..<4, using: &random) == 0
        let seconds = Int.random(in: 0...1, using: &random)
        let code = Int.random(in: 0...9, using: &random)
        tasks += 1
        return .run(TaskID(source: "KILL", name: "T\(tasks)"), code: isEndless ? nil : code, seconds: seconds)
    }
}
