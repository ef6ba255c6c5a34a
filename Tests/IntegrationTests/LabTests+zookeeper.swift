import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Failures of ZooKeeper's servers.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(6)))
    func `without a majority of ZooKeeper nobody leads, and somebody does once it is back`() async throws {
        try await scenario { scene in
            for server in scene.zooKeeper.servers.prefix(2) { try await server.kill9() }
            try await nobodyLeads(scene)
            try await oldStateIsRead(scene)
            try await changesAreRefused(scene)
            try await scene.zooKeeper.start()
            try await scene.untilAccepted()
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: one ZooKeeper server is killed, then another for a minute, and both are back`() async throws {
        try await scenario { scene in
            let head = try await leadingServer(scene)
            try await head.kill9()
            try await scene.untilAccepted()
            try await scene.clientsAreAnswered()
            let other = try #require(scene.zooKeeper.servers.first { $0 !== head })
            try await other.kill9()
            try await nobodyLeads(scene)
            try await oldStateIsRead(scene)
            try await scene.passes(.seconds(60))
            try await oldStateIsRead(scene)
            try await changesAreRefused(scene)
            try await scene.zooKeeper.start()
            try await scene.untilAccepted()
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `a follower of ZooKeeper is cut off from the others, with the leader's connection on it`()
        async throws
    {
        try await scenario { scene in
            let follower = try await followerWithLeader(scene).machine.address
            try await scene.set { $0.cut([follower], from: scene.zooKeeperAddresses) }
            try await scene.untilAccepted()
            try await scene.clientsAreAnswered()
        }
    }

    /// For three seconds, in which whoever does would be seen.
    private func nobodyLeads(_ scene: LabScene) async throws {
        var since: ContinuousClock.Instant?
        try await until("nobody leads", log: { scene.cluster.logTails }) {
            let isLed = await scene.cluster.leader() != nil
            since = isLed ? nil : since ?? .now
            try check(!isLed, "somebody does")
            try check(since.map { .now - $0 >= .seconds(3) } ?? false, "it is not for long that nobody does")
        }
    }

    /// By whoever asks for it, at each controller, and each time it is older.
    private func oldStateIsRead(_ scene: LabScene) async throws {
        for controller in scene.cluster.controllers {
            #expect(try await controller.read("endpoints", mayBeStale: false).status == 400)
            let first = try await old("endpoints", of: controller)
            guard case .array(let apps)? = first.data, let steady = apps.first,
                case .array(let hosts)? = steady["hosts"]
            else {
                Issue.record("\(controller.api.endpoint) answers \(first)")
                continue
            }
            #expect(steady["appId"] == LabScene.steady.json && hosts.count == LabScene.steadyCount)
            let known = try await old("applications", of: controller)
            let summary = try ApplicationSummary(json: #require(known.data?[LabScene.steady.rawValue]))
            #expect(summary.expected == LabScene.steadyCount && summary.healthy == LabScene.steadyCount)
            for app in LabScene.changing { #expect(known.data?[app.rawValue] != nil, "\(app)") }
            for (path, age) in [("endpoints", first.age), ("applications", known.age)] {
                try await until("what it says is older", log: { controller.process.logTail }) {
                    let now = try await old(path, of: controller).age
                    try check(try #require(now) > #require(age), "it is not")
                }
            }
        }
    }

    private func old(_ path: String, of controller: LabCluster.Controller) async throws -> ControllerReading {
        let answer = try await controller.read(path, mayBeStale: true)
        #expect(answer.status == 200 && answer.isStale && (answer.age ?? -1) >= 0, "\(answer)")
        return answer
    }

    /// At each controller.
    private func changesAreRefused(_ scene: LabScene) async throws {
        for controller in scene.cluster.controllers {
            let error = await #expect(throws: ClientError.self) {
                try await scene.tasks.run(for: .milliseconds(200), on: controller.api)
            }
            switch error?.code {
            case .refused?, .status(503, _)?, .status(400, _)?: break
            default: Issue.record("\(controller.api.endpoint) answers \(error.map { "\($0)" } ?? "well")")
            }
        }
    }

    private func leadingServer(_ scene: LabScene) async throws -> LabProcess {
        var leader: LabProcess?
        try await until("a ZooKeeper server leads") {
            leader = await scene.zooKeeper.leader()
            try check(leader != nil, "none does")
        }
        return try #require(leader)
    }

    /// Which server a controller connects to is chance: those that lead are started again until one leads by a follower.
    private func followerWithLeader(_ scene: LabScene) async throws -> LabProcess {
        var found: LabProcess?
        try await until("the leader is connected to a follower", within: .seconds(150)) {
            let (leader, head) = (try await scene.leading().process, await scene.zooKeeper.leader())
            found = try await scene.zooKeeper.server(of: leader.machine.address)
            if found != nil, head != nil, found !== head { return }
            try await leader.terminate()
            try await leader.start()
            throw Unfulfilled("it is connected to the leader of ZooKeeper")
        }
        return try #require(found)
    }
}
