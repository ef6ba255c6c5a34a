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
}
