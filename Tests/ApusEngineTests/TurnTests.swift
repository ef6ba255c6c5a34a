import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

@Suite struct TurnTests {
    @Test func `nothing leaves before its batch is stored`() throws {
        var bench = try Bench()
        let immediate = bench.turn.take(
            .command(7, .application(.create(exampleSpec(), instances: 1, .standard))),
            at: bench.now
        )
        #expect(immediate.isEmpty)
        guard case .commit(let batch) = bench.turn.close(at: bench.now) else {
            Issue.record("a creation must be stored")
            return
        }
        #expect(Set(batch.writes.map(\.key.kind)) == [.application, .hint])
        #expect(bench.application() == nil, "readers see only what is committed")
        guard case .release(let effects) = bench.turn.stored() else {
            Issue.record("one batch is all there is")
            return
        }
        bench.collect(effects)
        #expect(bench.outcomes[7] == .accepted(.application(AppID("TEST_APP-1"))))
        #expect(bench.sent.count == 1)
        #expect(bench.application() != nil)
    }

    @Test func `while a batch is in doubt changes are refused and reports are heard but not acknowledged`() throws {
        var bench = try Bench()
        _ = bench.turn.take(.command(7, .application(.create(exampleSpec(), instances: 1, .standard))), at: bench.now)
        _ = bench.turn.close(at: bench.now)
        let pending = try #require(bench.turn.pending)
        bench.collect(
            bench.turn.take(
                .command(8, .application(.create(exampleSpec(name: "B"), instances: 1, .standard))),
                at: bench.now
            )
        )
        guard case .unavailable = bench.outcomes[8] else {
            Issue.record("a change in doubt must be refused, not \(String(describing: bench.outcomes[8]))")
            return
        }
        let report = try #require(bench.executors[bench.ids[0]]?.report())
        bench.collect(bench.turn.take(.report(9, report), at: bench.now))
        #expect(bench.replies[9]?.canCommit == false)
        #expect(bench.turn.pending == pending, "the batch is repeated unchanged")
        #expect(bench.sent.isEmpty)
        _ = bench.turn.stored()
        bench.settle()
        #expect(bench.application() != nil)
        #expect(bench.application("B-1") == nil)
    }

    @Test func `a new leader acts on nothing before the hinted executors have spoken`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let before = bench.instances().map(\.id)
        try bench.failOver(epoch: 2)
        #expect(bench.healthy() == 2, "endpoints are served from hints")
        bench.ask(.scale(AppID("TEST_APP-1"), required: 4, .standard))
        #expect(bench.sent.isEmpty)
        bench.converge()
        #expect(bench.healthy() == 4)
        #expect(Set(before).isSubset(of: bench.instances().map(\.id)))
    }

    @Test func `a new leader stops nothing before every member has recorded its epoch`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        try bench.failOver(epoch: 2)
        bench.ask(.suspend(AppID("TEST_APP-1"), .standard))
        bench.beat([bench.ids[0]])
        bench.beat([bench.ids[0]])
        #expect(!bench.sent.contains { if case .stop = $0.order { true } else { false } })
        bench.converge()
        #expect(bench.instances().isEmpty)
    }

    @Test func `a START that never left is sent by the next leader to the same executor`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        let lost = try #require(bench.sent.first)
        bench.sent = []
        try bench.failOver(epoch: 2)
        // The first answer asks for the full list, the second report is it.
        bench.beat()
        bench.beat()
        let again = try #require(bench.sent.first)
        #expect(again.instance == lost.instance)
        #expect(again.executor == lost.executor)
        #expect(again.fence > lost.fence)
    }

    @Test func `an unconfirmed START is sent again, a confirmed one is not`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.sent = []
        bench.pass(.seconds(2))
        bench.take(.tick)
        #expect(bench.sent.count == 1)
        bench.deliver()
        bench.beat()
        bench.pass(.seconds(2))
        bench.take(.tick)
        #expect(bench.sent.isEmpty)
    }

    @Test func `what a leader keeps is read back the same`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.converge()
        let (before, ended) = (bench.instances(), bench.turn.committed.endedInstances(of: AppID("TEST_APP-1")))
        try bench.failOver(epoch: 2)
        #expect(bench.instances().map(\.id) == before.map(\.id))
        #expect(bench.instances().map(\.allocation) == before.map(\.allocation))
        #expect(bench.instances().map(\.ports) == before.map(\.ports))
        #expect(bench.turn.committed.endedInstances(of: AppID("TEST_APP-1")) == ended)
        #expect(bench.application()?.spec == exampleSpec())
        #expect(bench.application()?.lastOperation?.kind == .scale)
    }

    @Test func `a record that cannot be read is named, and nothing is decided without it`() throws {
        let record = Record(key: RecordKey(.application, "A-1"), bytes: Array(#"{"schema":1}"#.utf8))
        #expect(throws: JSONError("the record application/A-1 cannot be read: spec is missing")) {
            try Engine(
                cluster: Bench.cluster,
                epoch: 2,
                seed: 1,
                records: [record],
                at: Times(now: .zero, wall: WallTime(milliseconds: 0))
            )
        }
    }

    @Test func `a thousand instances are decided over several turns, no batch beyond what a store takes`() throws {
        var bench = try Bench(executors: 4, cores: 300, memoryMB: 1_000_000)
        let wide = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 512, failureStrategy: .stop)
        for name in ["A", "B"] { bench.ask(.create(exampleSpec(name: name), instances: 500, wide)) }
        #expect(bench.instances("A-1").count == 500)
        #expect(bench.instances("B-1").count == 500)
        #expect(bench.store.values.allSatisfy { $0.count <= Record.maximumBytes })
    }
}
