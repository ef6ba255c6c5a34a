import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// Executors that an operator keeps from work, and those that are to go for good.
@Suite struct SuspendTests {
    private let app = AppID("TEST_APP-1")

    private func busy() throws -> Bench {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        return bench
    }

    private func home(of bench: Bench) throws -> ExecutorID {
        let id = try #require(bench.task()?.instance)
        return try #require(bench.turn.committed.instances[id]?.executor)
    }

    @Test func `finishing: services move first, tasks run to their ends, nothing new comes`() throws {
        var bench = try busy()
        let home = try home(of: bench)
        bench.order(.suspend(.finishing), [home])
        bench.converge()
        #expect(bench.duty(home) == .suspended)
        #expect(bench.healthy() == 2)
        #expect(bench.instances().allSatisfy { $0.executor != home })
        #expect(bench.task()?.end == nil)
        bench.endTask()
        #expect(bench.task()?.end?.result == .successful)
    }

    @Test func `at once: without a confirmation nothing is done where tasks would fail, and they are named`() throws {
        var bench = try busy()
        let home = try home(of: bench)
        let outcome = bench.order(.suspend(.atOnce(isConfirmed: false)), [home])
        guard case .refused(let texts) = outcome else {
            Issue.record("not refused")
            return
        }
        #expect(texts.contains { $0.contains("Task SRC/T1 on") })
        #expect(bench.duty(home) == .active)
        let other = try #require(bench.ids.first { $0 != home })
        #expect(bench.order(.suspend(.atOnce(isConfirmed: false)), [other]) == .done([other]))
    }

    @Test func `at once: everything there is stopped now, services start elsewhere at the same time, tasks fail`()
        throws
    {
        var bench = try busy()
        let home = try home(of: bench)
        let there = bench.instances().count { $0.executor == home }
        bench.sent = []
        bench.order(.suspend(.atOnce(isConfirmed: true)), [home])
        let starts = bench.sent.count { if case .start = $0.order { true } else { false } }
        #expect(starts == there)
        #expect(bench.sent.count { $0.executor == home } == there + 1)
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.instances().allSatisfy { $0.executor != home })
        #expect(bench.task()?.end?.result == .failed)
        #expect(bench.task()?.end?.error == "stopped because its executor was suspended at once")
    }

    @Test func `at once: a new leader goes on stopping what is there`() throws {
        var bench = try busy()
        let home = try home(of: bench)
        bench.order(.suspend(.atOnce(isConfirmed: true)), [home])
        try bench.failOver(epoch: 2)
        bench.beat()
        bench.beat()
        bench.converge()
        #expect(bench.instances().allSatisfy { $0.executor != home })
        #expect(bench.healthy() == 2)
        #expect(bench.task()?.end?.result == .failed)
    }

    @Test func `resume ends what an operator asked for, not a trouble, and no blacklisting`() throws {
        var bench = try Bench(executors: 1)
        let id = bench.ids[0]
        bench.executors[id]?.troubles = ["its engine does not answer"]
        bench.beat()
        bench.order(.suspend(.finishing), [id])
        #expect(bench.order(.resume, [id]) == .done([id]))
        #expect(bench.duty(id) == .active)
        bench.create(instances: 1)
        #expect(bench.application()?.shortfall?.text == "0 of 1 executors fit: 1 suspended")
        bench.executors[id]?.troubles = []
        bench.beat()
        bench.converge()
        #expect(bench.healthy() == 1)
        bench.order(.blacklist, [id])
        #expect(
            bench.order(.resume, [id])
                == .refused(["Executor executor-0 is blacklisted, not suspended: unblacklist it"])
        )
    }

    @Test func `unknown executors are named, and then nothing is done`() throws {
        var bench = try Bench(executors: 1)
        let outcome = bench.order(.suspend(.finishing), [bench.ids[0], ExecutorID("x"), ExecutorID("y")])
        #expect(outcome == .refused(["Executor x is not known", "Executor y is not known"]))
        #expect(bench.duty(bench.ids[0]) == .active)
    }

    @Test func `a retired executor is drained, then forgotten, and joins again only after a restart`() throws {
        var bench = try busy()
        let home = try home(of: bench)
        bench.order(.retire, [home])
        _ = bench.watch(untilDuty: nil, of: home)
        #expect(bench.duty(home) == .retiring, "its task still runs")
        bench.endTask()
        bench.take(.tick)
        #expect(bench.turn.committed.members[home] == nil)
        #expect(bench.store[RecordKey(.member, home.rawValue)] == nil)
        #expect(bench.healthy() == 2)
        bench.beat()
        #expect(bench.turn.committed.members[home] == nil)
        #expect(bench.executors[home]?.heard?.verdict == .refused)
        // A new leader knows it too.
        try bench.failOver(epoch: 2)
        bench.beat()
        #expect(bench.turn.committed.members[home] == nil)
        bench.executors[home]?.restart()
        bench.beat()
        bench.beat()
        #expect(bench.duty(home) == .active)
        #expect(bench.turn.committed.facts.retired.isEmpty)
    }

    @Test func `an executor that joins again after its retirement takes work at once`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let home = bench.ids[0]
        bench.order(.retire, [home])
        bench.converge()
        let last = bench.turn.committed.members[home]?.sequence ?? 0
        for _ in 0..<20 where bench.turn.committed.members[home] != nil { bench.converge() }
        #expect(bench.turn.committed.members[home] == nil)
        // It keeps what it has recorded of this leader's commands.
        bench.executors[home]?.fence = Fence(epoch: 1, sequence: last)
        bench.executors[home]?.restart()
        bench.beat()
        bench.beat()
        #expect(bench.epochMet == nil && bench.turn.committed.facts.restoration == nil)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 4, .standard))
        bench.converge()
        #expect(bench.healthy() == 4)
        #expect(bench.instances().contains { $0.executor == home })
        #expect(bench.turn.committed.members[home]?.sequence ?? 0 > last, "it takes nothing below what it took")
    }

    @Test func `a retirement that was a mistake is ended by resume`() throws {
        var bench = try busy()
        let home = try home(of: bench)
        bench.order(.retire, [home])
        #expect(bench.order(.resume, [home]) == .done([home]))
        bench.endTask()
        bench.converge()
        #expect(bench.duty(home) == .active)
    }

    @Test func `an executor that was retired while nobody heard it does not come back by itself`() throws {
        var bench = try Bench(executors: 2)
        let gone = bench.ids[0]
        bench.live(.seconds(12), beating: [bench.ids[1]])
        try bench.failOver(epoch: 2)
        bench.order(.retire, [gone])
        bench.take(.tick)
        #expect(bench.turn.committed.members[gone] == nil)
        for _ in 0..<3 { bench.beat() }
        #expect(bench.turn.committed.members[gone] == nil)
        #expect(bench.executors[gone]?.heard?.verdict == .refused)
        bench.executors[gone]?.restart()
        bench.beat()
        bench.beat()
        #expect(bench.duty(gone) == .active)
    }

    @Test func `a blacklisted executor is not suspended, for a resume would forget the blacklist`() throws {
        var bench = try Bench(executors: 2)
        bench.order(.blacklist, [bench.ids[0]])
        let answer = bench.order(.suspend(.finishing), [bench.ids[0]])
        guard case .refused(let reasons)? = answer else { return #expect(Bool(false), "\(String(describing: answer))") }
        #expect(reasons.first?.contains("is blacklisted") == true)
        #expect(bench.duty(bench.ids[0])?.isLeaving == true)
    }
}
