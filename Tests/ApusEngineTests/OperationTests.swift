import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// Operations whole: what they do, how they end (contract §4.1, §4.2).
@Suite struct OperationTests {
    private let app = AppID("TEST_APP-1")

    private func opSpec(
        _ parallelism: Int = 1,
        timeout: Int64 = 300,
        _ strategy: ClusterOpSpec.FailureStrategy = .stop
    ) -> ClusterOpSpec {
        ClusterOpSpec(timeout: DurationText(timeout, .seconds), parallelism: parallelism, failureStrategy: strategy)
    }

    private func running(_ count: Int, cores: Int = 16) throws -> Bench {
        var bench = try Bench(cores: cores)
        bench.ask(.create(exampleSpec(), instances: count, opSpec(8)))
        bench.converge()
        #expect(bench.healthy() == count)
        return bench
    }

    @Test func `START_INSTANCES adds to what is expected`() throws {
        var bench = try running(2)
        bench.ask(.startInstances(app, instances: 2, opSpec(4)))
        #expect(bench.application()?.state == .scalingRequested)
        bench.converge()
        #expect(bench.healthy() == 4)
        #expect(bench.application()?.expected == 4)
        #expect(bench.application()?.lastOperation?.kind == .startInstances)
    }

    @Test func `STOP_INSTANCES stops the named ones and replaces them`() throws {
        var bench = try running(3)
        let victims = bench.instances().prefix(2).map(\.id)
        bench.ask(.stopInstances(app, ids: victims, skipRespawn: false, opSpec(2)))
        #expect(bench.application()?.state == .stopInstancesRequested)
        bench.converge()
        #expect(bench.healthy() == 3)
        #expect(bench.instances().allSatisfy { !victims.contains($0.id) })
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.application()?.lastOperation?.targets == victims)
    }

    @Test func `STOP_INSTANCES without respawn lowers what is expected`() throws {
        var bench = try running(3)
        let victim = try #require(bench.instances().last?.id)
        bench.ask(.stopInstances(app, ids: [victim], skipRespawn: true, opSpec()))
        bench.converge()
        #expect(bench.application()?.expected == 2)
        #expect(bench.healthy() == 2)
        #expect(!bench.instances().contains { $0.id == victim })
    }

    @Test func `STOP_INSTANCES without respawn stops nothing that was not named, however slowly it goes`() throws {
        var bench = try running(5)
        let ids = bench.instances().map(\.id)
        bench.ask(.stopInstances(app, ids: Array(ids.suffix(3)), skipRespawn: true, opSpec(1)))
        for _ in 0..<30 where bench.application()?.operation != nil {
            bench.deliver()
            bench.beat()
            #expect(bench.healthy() >= 2)
            #expect(Set(bench.instances().filter(\.isHealthy).map(\.id)).isSuperset(of: ids.prefix(2)))
            bench.take(.tick)
        }
        #expect(bench.instances().map(\.id) == Array(ids.prefix(2)))
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `STOP_INSTANCES of ids that are not there is refused by name`() throws {
        var bench = try running(1)
        let outcome = bench.ask(
            .stopInstances(app, ids: [InstanceID("AI-b"), InstanceID("AI-a")], skipRespawn: false, opSpec())
        )
        #expect(
            outcome == .refused(["App TEST_APP-1 does not have any instances with the following ids: AI-a,AI-b"])
        )
    }

    @Test func `a replacement starts first: never fewer healthy than expected, never more than the surge`() throws {
        var bench = try running(3)
        let old = bench.instances().map(\.id)
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec(1)))
        #expect(bench.application()?.state == .replaceInstancesRequested)
        #expect(bench.application()?.operation?.targets == old)
        for _ in 0..<40 where bench.application()?.operation != nil {
            bench.deliver()
            bench.beat()
            #expect(bench.healthy() >= 3)
            #expect(bench.instances().count(where: \.isAlive) <= 4)
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
            #expect(bench.healthy() >= 3)
        }
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.healthy() == 3)
        #expect(Set(bench.instances().map(\.id)).isDisjoint(with: old))
        #expect(bench.turn.committed.endedInstances(of: app).allSatisfy { $0.cause == .stopped(.replaced) })
    }

    @Test func `stop first: at most parallelism fewer healthy than expected, never more alive than expected`() throws {
        var bench = try running(4)
        let old = bench.instances().map(\.id)
        bench.ask(.replaceInstances(app, ids: [], stopFirst: true, opSpec(2)))
        for _ in 0..<60 where bench.application()?.operation != nil {
            bench.deliver()
            bench.beat()
            #expect(bench.healthy() >= 2)
            #expect(bench.instances().count(where: \.isAlive) <= 4)
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.healthy() == 4)
        #expect(Set(bench.instances().map(\.id)).isDisjoint(with: old))
    }

    @Test func `only what is healthy can be replaced`() throws {
        var bench = try running(1)
        #expect(
            bench.ask(.replaceInstances(app, ids: [InstanceID("AI-x")], stopFirst: false, opSpec()))
                == .refused(["There are no replaceable healthy instances with ids: [AI-x]"])
        )
    }

    /// Every new instance fails at once.
    private func failing(_ bench: inout Bench, keeping old: Set<InstanceID>, for span: Duration) {
        var left = span
        while left > .zero, bench.application()?.operation != nil {
            bench.deliver()
            for id in bench.ids {
                for report in bench.executors[id]?.instances.values.map(\.self) ?? []
                where !old.contains(report.id) && report.state.isAlive {
                    bench.executors[id]?.set(
                        report.id,
                        .stopped,
                        error: "container exited with code 1",
                        cause: .exited(code: 1, outOfMemory: false),
                        at: bench.now.wall
                    )
                }
            }
            bench.beat()
            bench.take(.tick)
            bench.pass(.milliseconds(500))
            left -= .milliseconds(500)
        }
    }

    @Test(arguments: [ClusterOpSpec.FailureStrategy.stop, .rollback])
    func `a replacement whose instances fail ends, says why, and keeps every old one`(
        strategy: ClusterOpSpec.FailureStrategy
    ) throws {
        var bench = try running(3)
        let old = Set(bench.instances().map(\.id))
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec(2, strategy)))
        failing(&bench, keeping: old, for: .seconds(120))
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == (strategy == .stop ? .failed : .rolledBack))
        #expect(last.reason.hasPrefix("5 starts in a row failed: 3 of 3 healthy, 3 of 3 still to be stopped"))
        #expect(last.reason.hasSuffix("last failure: container exited with code 1"))
        #expect(Set(bench.instances().filter(\.isHealthy).map(\.id)) == old)
        #expect(bench.application()?.expected == 3)
        #expect(bench.application()?.state == .running)
    }

    @Test func `a scaling that fails with ROLLBACK restores the count and stops what it had started`() throws {
        var bench = try running(2)
        let old = Set(bench.instances().map(\.id))
        bench.ask(.scale(app, required: 4, opSpec(4, timeout: 20, .rollback)))
        // One of the two comes up, the other never does.
        bench.deliver()
        let started = bench.instances().map(\.id).filter { !old.contains($0) }
        for id in bench.ids { bench.executors[id]?.failing = Set(started.prefix(1)) }
        bench.converge()
        #expect(bench.healthy() == 3)
        bench.live(.seconds(25))
        bench.converge()
        #expect(bench.application()?.lastOperation?.outcome == .rolledBack)
        #expect(bench.application()?.expected == 2)
        #expect(Set(bench.instances().map(\.id)) == old)
    }

    @Test func `a scaling that fails with STOP keeps the count, and trying goes on`() throws {
        var bench = try running(1)
        let old = Set(bench.instances().map(\.id))
        bench.ask(.scale(app, required: 2, opSpec()))
        failing(&bench, keeping: old, for: .seconds(120))
        #expect(bench.application()?.lastOperation?.outcome == .failed)
        #expect(bench.application()?.expected == 2)
        bench.live(.seconds(30))
        bench.converge()
        #expect(bench.healthy() == 2, "once instances no longer fail, the service has its count")
    }

    @Test func `an operation of many rounds that no longer moves ends before all its time is over`() throws {
        var bench = try Bench(cores: 32)
        // 20 instances one at a time: 20 rounds of five minutes.
        bench.ask(.create(exampleSpec(), instances: 20, opSpec(1, timeout: 300)))
        bench.live(.seconds(320))
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .failed)
        #expect(last.reason.hasPrefix("no progress for 300 seconds: 0 of 20 healthy"))
    }

    @Test func `a rolling restart of many instances may take its timeout for each round`() throws {
        var bench = try running(4)
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec(1, timeout: 10)))
        for _ in 0..<4 {
            // Each new one takes eight seconds.
            bench.live(.seconds(8))
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
        }
        bench.live(.seconds(2))
        bench.converge()
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `cancelling a scaling keeps what is healthy as the count`() throws {
        var bench = try running(2)
        bench.ask(.scale(app, required: 5, opSpec()))
        #expect(bench.ask(.cancel(app)) == .accepted(.application(app)))
        bench.converge()
        #expect(bench.application()?.expected == 2)
        #expect(bench.application()?.state == .running)
        #expect(bench.healthy() == 2)
        #expect(bench.application()?.lastOperation?.outcome == .cancelled)
    }

    @Test func `cancelling a scaling just after a restart keeps what was healthy as the count`() throws {
        var bench = try running(3)
        bench.ask(.scale(app, required: 5, opSpec()))
        try bench.failOver(epoch: 2)
        let executor = bench.ids[0]
        bench.executors[executor]?.restart()
        for id in bench.instances().map(\.id) { bench.executors[executor]?.set(id, .unknown, at: bench.now.wall) }
        bench.beat()
        #expect(bench.healthy() == 0)
        #expect(bench.ask(.cancel(app)) == .accepted(.application(app)))
        #expect(bench.application()?.expected == 3)
    }

    @Test func `what is lost while a replacement is under way is replaced at once, not at its pace`() throws {
        var bench = try Bench(executors: 2, cores: 8)
        bench.ask(.create(exampleSpec(policy: .maxPerHost(4)), instances: 8, opSpec(8)))
        bench.converge()
        bench.executors[ExecutorID("executor-2")] = TestExecutor(number: 2, cores: 8, memoryMB: 8192)
        bench.beat()
        bench.beat()
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec(1)))
        let (lost, others) = (ExecutorID("executor-0"), bench.ids.filter { $0.rawValue != "executor-0" })
        bench.executors[lost] = nil
        bench.live(.seconds(11), beating: others)
        #expect(bench.instances().count(where: \.isAlive) >= 8)
    }

    @Test func `the time that an operation has spent is not forgotten when leaders change`() throws {
        var bench = try Bench()
        bench.ask(.create(exampleSpec(), instances: 1, opSpec(1, timeout: 60)))
        for epoch in 2...8 {
            bench.live(.seconds(15))
            try bench.failOver(epoch: Epoch(epoch))
            bench.beat()
            bench.beat()
        }
        bench.live(.seconds(1))
        #expect(bench.application()?.lastOperation?.outcome == .failed)
    }

    @Test func `an operation that rolls back ends though nothing may be stopped yet`() throws {
        var bench = try running(1)
        bench.ask(.scale(app, required: 2, opSpec(1, timeout: 20, .rollback)))
        bench.live(.seconds(5))
        try bench.failOver(epoch: 2)
        // It cannot record the new epoch, and goes on being heard.
        let executor = bench.ids[0]
        for _ in 0..<60 {
            bench.pass(.milliseconds(500))
            bench.take(.tick)
            bench.executors[executor]?.fence = Fence(epoch: 1, sequence: 99)
            bench.beat()
        }
        #expect(bench.application()?.lastOperation?.outcome == .rolledBack)
        #expect(bench.sent.allSatisfy { if case .stop = $0.order { false } else { true } })
        bench.live(.seconds(3))
        #expect(bench.instances().count == 1)
    }

    @Test func `a cancelled replacement leaves the service at its count`() throws {
        var bench = try running(3)
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec()))
        bench.deliver()
        #expect(bench.ask(.cancel(app)) == .accepted(.application(app)))
        bench.converge()
        #expect(bench.healthy() == 3)
        #expect(bench.instances().count == 3)
        #expect(bench.application()?.state == .running)
    }

    @Test func `what is not a scaling or replacement cannot be cancelled`() throws {
        var bench = try running(1)
        let refusal = CommandOutcome.refused(["Current operation could not be cancelled"])
        #expect(bench.ask(.cancel(app)) == refusal)
        #expect(bench.ask(.cancel(AppID("NONE-1"))) == refusal)
        bench.ask(.stopInstances(app, ids: bench.instances().map(\.id), skipRespawn: false, opSpec()))
        #expect(bench.ask(.cancel(app)) == refusal)
    }

    @Test func `a replacement under way goes on under a new leader with the ids it named`() throws {
        var bench = try running(3)
        let old = bench.instances().map(\.id)
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, opSpec()))
        bench.deliver()
        for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
        bench.beat()
        try bench.failOver(epoch: 2)
        #expect(bench.application()?.operation?.targets == old)
        bench.beat()
        bench.beat()
        bench.converge()
        bench.converge()
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.healthy() == 3)
        #expect(Set(bench.instances().map(\.id)).isDisjoint(with: old))
    }

    @Test func `scale down takes instances of an executor in trouble first`() throws {
        var bench = try Bench(executors: 2, cores: 4)
        bench.ask(.create(exampleSpec(policy: .maxPerHost(1)), instances: 2, opSpec(2)))
        bench.converge()
        let newest = try #require(bench.instances().last)
        bench.executors[newest.executor]?.troubles = ["the container engine does not answer"]
        bench.beat()
        bench.ask(.scale(app, required: 1, opSpec()))
        bench.converge()
        #expect(bench.instances().map(\.id) != [newest.id])
        #expect(bench.healthy() == 1)
    }
}
