import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Machines of executors that are lost, and links to them that lose packets.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(3)))
    func `a lost machine is given up within 11 s and replaced within one more, and is back with its old containers`()
        async throws
    {
        try await scenario(.replaced) { scene in
            let executor = scene.cluster.executors[0]
            let id = try await scene.summary(of: executor).id
            let lost = try await scene.api.instances(of: LabScene.steady).filter { $0.executor == id }
            let before = try scene.cluster.commands().starts(of: LabScene.steady)
            try await scene.set { $0.cut([executor.process.machine.address], from: scene.controllerAddresses) }
            try await executor.process.kill9()
            try await isGivenUp(executor, scene)

            let loss = try #require(try await scene.loss(of: id))
            let seen = try #require(try await scene.summary(of: executor).lastSeen)
            #expect(loss.milliseconds - seen.milliseconds <= 11_000)
            try await areReplaced(lost.map(\.id), scene)
            let starts = try scene.cluster.commands().starts(of: LabScene.steady).filter { !before.contains($0) }
            #expect(!lost.isEmpty && starts.count == lost.count)
            #expect(starts.filter { !(0...1_000).contains($0.time.milliseconds - loss.milliseconds) } == [])
            try await executor.process.start()
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: a whole zone of three is given up a minute later, and is back with its old containers`()
        async throws
    {
        try await scenario(.replaced) { scene in
            let zone = scene.cluster.executors.filter { $0.zone == scene.cluster.executors[0].zone }
            try #require(zone.count == 3)
            var ids: [ExecutorID] = []
            for executor in zone { ids.append(try await scene.summary(of: executor).id) }
            let lost = try await scene.api.instances(of: LabScene.steady).filter { ids.contains($0.executor) }
            let before = try scene.cluster.commands().starts(of: LabScene.steady)
            try await scene.set { $0.cut(zone.map(\.process.machine.address), from: scene.controllerAddresses) }
            try await until("their loss is held", log: { scene.cluster.logTails }) {
                for executor in zone {
                    let summary = try await scene.summary(of: executor)
                    try check(summary.lossHeldUntil != nil, "\(summary.hostname) is \(summary.presence)")
                }
            }
            for executor in zone { try await isGivenUp(executor, scene) }

            var losses: [WallTime] = []
            for (id, executor) in zip(ids, zone) {
                let loss = try #require(try await scene.loss(of: id))
                let seen = try #require(try await scene.summary(of: executor).lastSeen)
                #expect((70_000...72_000).contains(loss.milliseconds - seen.milliseconds))
                losses.append(loss)
            }
            try await areReplaced(lost.map(\.id), scene)
            let starts = try scene.cluster.commands().starts(of: LabScene.steady).filter { !before.contains($0) }
            let first = try #require(losses.min())
            #expect(!lost.isEmpty && starts.count == lost.count)
            #expect(starts.filter { $0.time < first } == [], "nothing is replaced while the loss is held")
        }
    }

    @Test(.timeLimit(.minutes(8)))
    func `full suite: nothing is given up while links to executors lose a fifth of all packets for five minutes`()
        async throws
    {
        try await scenario { scene in
            try await scene.set { faults in
                faults.lose(0.2, between: scene.executorAddresses, and: scene.controllerAddresses)
            }
            let end = ContinuousClock.now + .seconds(300)
            while ContinuousClock.now < end { try await scene.clientsAreAnswered() }
        }
    }

    private func isGivenUp(_ executor: LabCluster.Executor, _ scene: LabScene) async throws {
        try await until("it is given up", within: .seconds(90), log: { scene.cluster.logTails }) {
            let presence = try await scene.summary(of: executor).presence
            try check(presence == "LOST", "it is \(presence)")
        }
    }

    /// There are as many healthy ones as ever, and none of these.
    private func areReplaced(_ lost: [InstanceID], _ scene: LabScene) async throws {
        try await until("they are replaced", log: { scene.cluster.logTails }) {
            let now = try await scene.api.instances(of: LabScene.steady).filter { $0.state == "HEALTHY" }.map(\.id)
            try check(
                now.count == LabScene.steadyCount && lost.allSatisfy { !now.contains($0) },
                "\(now.count) are healthy"
            )
        }
    }
}
