import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Machines of executors that are lost, and links to them that lose packets.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(6)))
    func `a lost machine is given up within 11 s and replaced within one more, and is back with its old containers`()
        async throws
    {
        try await loses([0], ranOn: true).expect(given: 0...11_000, replacedWithin: 1_000)
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: a lost machine whose executor is started again is back, and one container of each two ends`()
        async throws
    {
        try await loses([0], ranOn: false).expect(given: 0...11_000, replacedWithin: 1_000)
    }

    /// How soon all of a zone are started elsewhere depends on the others; it is not before the first is given up.
    @Test(.timeLimit(.minutes(10)))
    func `full suite: a whole zone of three is given up a minute later, and is back with its old containers`()
        async throws
    {
        try await loses([0, 2, 4], ranOn: true).expect(given: 70_000...72_000, replacedWithin: 30_000)
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

    /// When machines were cut off, last heard and given up, and what they had was started elsewhere.
    struct Loss {
        var cut: WallTime
        var seen: [WallTime] = []
        var losses: [WallTime] = []
        var starts: [WallTime] = []
        /// Of one leader; another gives those it has not heard the whole time anew.
        var isOfOneLeader = false

        /// All in milliseconds: since each was last heard, and since the last was given up.
        func expect(given limits: ClosedRange<Int64>, replacedWithin latest: Int64) {
            for (seen, loss) in zip(seen, losses) {
                #expect(limits.contains(loss.milliseconds - seen.milliseconds))
                #expect(loss.milliseconds - cut.milliseconds <= limits.upperBound)
            }
            guard let first = losses.min(), let last = losses.max() else { return }
            #expect(starts.filter { $0 < first || $0.milliseconds > last.milliseconds + latest } == [])
        }
    }

    /// Plays it once more if the leader changed by chance.
    private func loses(_ numbers: [Int], ranOn: Bool) async throws -> Loss {
        let first = try await playLoss(of: numbers, ranOn: ranOn)
        if first.isOfOneLeader { return first }
        let second = try await playLoss(of: numbers, ranOn: ranOn)
        try #require(second.isOfOneLeader, "the leader changed twice")
        return second
    }

    /// The machines of these executors are cut off until all that ran there is replaced.
    private func playLoss(of numbers: [Int], ranOn: Bool) async throws -> Loss {
        try await scenario(.replaced(numbers, ranOn: ranOn), tasks: .mayBeLost) { scene in
            let executors = numbers.map { scene.cluster.executors[$0] }
            let zone = scene.cluster.executors.filter { $0.zone == executors[0].zone }
            try #require(executors.count == 1 || executors.count == zone.count)
            var ids: [ExecutorID] = []
            for executor in executors { ids.append(try await scene.summary(of: executor).id) }
            let lost = try await scene.api.instances(of: LabScene.steady).filter { ids.contains($0.executor) }
            let before = try scene.cluster.commands().starts(of: LabScene.steady)
            let leadership = try await scene.leadership()
            try await scene.set { $0.cut(executors.map(\.process.machine.address), from: scene.controllerAddresses) }
            var loss = Loss(cut: LabScene.now)
            if !ranOn { for executor in executors { try await executor.process.kill9() } }
            if executors.count > 1 { try await areHeld(executors, scene) }
            for executor in executors { try await isGivenUp(executor, scene) }
            for (id, executor) in zip(ids, executors) {
                loss.losses.append(try #require(try await scene.loss(of: id)))
                loss.seen.append(try #require(try await scene.summary(of: executor).lastSeen))
            }
            try await areReplaced(lost.map(\.id), scene)
            let starts = try scene.cluster.commands().starts(of: LabScene.steady).filter { !before.contains($0) }
            #expect(!lost.isEmpty && starts.count == lost.count)
            loss.starts = starts.map(\.time)
            loss.isOfOneLeader = try await scene.leadership() == leadership
            if !ranOn { for executor in executors { try await executor.process.start() } }
            return loss
        }
    }

    private func areHeld(_ executors: [LabCluster.Executor], _ scene: LabScene) async throws {
        try await until("their loss is held", log: { scene.cluster.logTails }) {
            for executor in executors {
                let summary = try await scene.summary(of: executor)
                try check(summary.lossHeldUntil != nil, "\(summary.hostname) is \(summary.presence)")
            }
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
