import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// After an import nothing is stopped on the old state's word until people have confirmed it.
@Suite struct RestoredTests {
    /// The store as an import would leave it: facts that say so, and a greater epoch.
    private func restore(_ bench: inout Bench, epoch: Epoch) throws {
        let facts = #"{"schema":1,"mode":"NORMAL","changed":0,"restoration":{"epoch":\#(epoch),"confirmed":false}}"#
        bench.store[RecordKey(.cluster, "facts")] = Array(facts.utf8)
        try bench.failOver(epoch: epoch + 1)
    }

    @Test func `nothing unknown or surplus is stopped before the confirmation, which says first what would be`() throws
    {
        var bench = try Bench(cores: 16)
        bench.create(instances: 1)
        bench.converge()
        let old = bench.store
        bench.ask(.scale(AppID("TEST_APP-1"), required: 3, .standard))
        bench.create(instances: 1, exampleSpec(version: "2"))
        bench.converge()
        bench.store = old
        try restore(&bench, epoch: 10)
        bench.live(.seconds(30))
        #expect(bench.turn.committed.facts.restoration?.isConfirmed == false)
        #expect(bench.executors.values.first?.instances.count == 4)
        let stops = bench.turn.committed.stopsAfterRestoration
        #expect(stops.unknown.map(\.owner) == [.application(AppID("TEST_APP-2"))])
        #expect(stops.surplus.map(\.owner) == [.application(AppID("TEST_APP-1"))])
        #expect(stops.surplus.map(\.instances) == [2])
        #expect(bench.ask(.cluster(.confirmRestoration)) == .cluster(.restored(stops)))
        bench.live(.seconds(10))
        #expect(bench.healthy() == 1)
        #expect(bench.executors.values.first?.instances.values.count { $0.state == .healthy } == 1)
        #expect(
            bench.ask(.cluster(.confirmRestoration)) == .refused(["The cluster is not restored from an export"])
        )
    }

    @Test func `no START of an earlier epoch is sent again: a task that its executor does not know is LOST`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        // It never arrives.
        bench.sent = []
        try restore(&bench, epoch: 10)
        bench.live(.seconds(5))
        #expect(bench.startedAt.isEmpty)
        #expect(bench.task()?.end?.result == .lost)
    }

    @Test func `a new leader of an unrestored store sends that START again`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        bench.sent = []
        try bench.failOver(epoch: 2)
        bench.live(.seconds(5))
        #expect(bench.startedAt == Set(bench.ids))
        #expect(bench.task()?.end == nil)
    }

    @Test(arguments: [Fence(epoch: 9, sequence: 1), Fence(epoch: 1, sequence: 1000)])
    func `who has obeyed somebody later shows that the store is old: the epoch is raised, nothing unknown stopped`(
        fence: Fence
    ) throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        let home = try #require(bench.ids.first)
        bench.executors[home]?.fence = fence
        bench.beat()
        #expect(bench.epochMet == fence.epoch)
        #expect(bench.turn.committed.facts.restoration == Restoration(epoch: fence.epoch + 1))
        try bench.failOver(epoch: fence.epoch + 1)
        bench.epochMet = nil
        bench.converge()
        #expect(bench.epochMet == nil)
        #expect(bench.turn.committed.facts.restoration?.isConfirmed == false)
        #expect(bench.healthy() == 1)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 2, .standard))
        bench.converge()
        #expect(bench.healthy() == 2)
    }

    @Test func `a leader that meets a greater epoch does not give up what it has just sent itself`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        #expect(!bench.sent.isEmpty)
        for id in bench.ids { bench.executors[id]?.fence = Fence(epoch: 1, sequence: 1000) }
        bench.beat()
        #expect(bench.epochMet == 1)
        #expect(bench.task()?.end == nil)
    }

    @Test func `an epoch that no cluster could have come to raises nothing`() throws {
        var bench = try Bench()
        for epoch in [Epoch.max, Epoch.max / 2, 1_000_002] {
            bench.executors[try #require(bench.ids.first)]?.fence = Fence(epoch: epoch, sequence: .max)
            bench.beat()
        }
        #expect(bench.epochMet == nil)
        #expect(bench.turn.committed.facts.restoration == nil)
        bench.executors[try #require(bench.ids.first)]?.fence = Fence(epoch: 1_000_001, sequence: 1)
        bench.beat()
        #expect(bench.epochMet == 1_000_001)
    }

    @Test func `no epoch is raised beyond those for which the audit log has sequences`() throws {
        var bench = try Bench()
        try bench.failOver(epoch: Epochs.last - 2)
        let id = try #require(bench.ids.first)
        bench.executors[id]?.fence = Fence(epoch: Epochs.last, sequence: 1)
        bench.beat()
        #expect(bench.epochMet == nil)
        bench.executors[id]?.fence = Fence(epoch: Epochs.last - 1, sequence: 1)
        bench.beat()
        #expect(bench.epochMet == Epochs.last - 1)
    }

    @Test(arguments: [true, false])
    func `what was asked for before the import stops nothing until people confirm it`(isAsked: Bool) throws {
        var bench = try Bench(executors: 2, cores: 16)
        bench.create(instances: 4)
        bench.ask(.create(smallTask(), .standard))
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(ServiceID("TEST_SERVICE-1")))
        bench.converge()
        let running = bench.executors.values.reduce(0) { $0 + $1.instances.count }
        #expect(running == 7)
        // In the export all of it is to end; afterwards everything was taken back.
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.ask(.deactivate(ServiceID("TEST_SERVICE-1")))
        bench.order(.suspend(.atOnce(isConfirmed: true)), [bench.ids[0]])
        bench.sent = []
        try restore(&bench, epoch: 10)
        bench.live(.seconds(400))
        #expect(bench.executors.values.reduce(0) { $0 + $1.instances.values.count { $0.state.isAlive } } == running)
        guard isAsked else {
            let stops = bench.turn.committed.stopsAfterRestoration
            #expect(stops.surplus.map(\.instances) == [2, 3])
            bench.ask(.cluster(.confirmRestoration))
            bench.live(.seconds(10))
            #expect(bench.instances().count == 1)
            #expect(bench.turn.committed.instances(of: ServiceID("TEST_SERVICE-1")).isEmpty)
            #expect(bench.task()?.end == nil, "a task runs to its end")
            return
        }
        // Who asks now is meant.
        bench.ask(.scale(AppID("TEST_APP-1"), required: 2, .standard))
        bench.order(.suspend(.atOnce(isConfirmed: true)), [bench.ids[1]])
        bench.live(.seconds(10))
        #expect(bench.instances().allSatisfy { $0.executor != bench.ids[1] })
        #expect(bench.turn.committed.facts.restoration?.isConfirmed == false)
    }
}
