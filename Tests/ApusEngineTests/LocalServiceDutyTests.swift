import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

private let id = ServiceID("TEST_SERVICE-1")

/// Local services where executors are kept from work.
@Suite struct LocalServiceDutyTests {
    @Test func `a blacklisted executor's local services go last, and come back before other work`() throws {
        var bench = try Bench.serving(executors: 2)
        bench.create(instances: 6)
        bench.converge()
        let leaving = try #require(bench.instances().first?.executor)
        bench.ask(.cluster(.order(.blacklist, ExecutorSelection(ids: [leaving]))))
        for _ in 0..<100 where !bench.serving().filter({ $0.executor == leaving }).isEmpty {
            let others = bench.instances().filter { $0.executor == leaving }
            if !others.isEmpty { #expect(bench.spread()[leaving] == 1, "it stays while they do") }
            bench.deliver()
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.spread()[leaving] == nil)
        bench.ask(.cluster(.order(.unblacklist, ExecutorSelection(ids: [leaving]))))
        bench.create(instances: 3, exampleSpec(name: "OTHER"))
        #expect(bench.instances("OTHER-1").allSatisfy { $0.executor != leaving })
        bench.converge()
        #expect(bench.spread()[leaving] == 1)
    }

    @Test func `in maintenance no local service is started or stopped, and afterwards all is made good`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.ask(.cluster(.setMode(.maintenance)))
        let victim = try #require(bench.serving().first)
        bench.executors[victim.executor]?.set(victim.id, .stopped, error: "exited", at: bench.now.wall)
        bench.converge()
        #expect(bench.serving().isEmpty)
        #expect(bench.ask(.deactivate(id)) == .refused(["Cluster is in maintenance mode"]))
        bench.ask(.cluster(.setMode(.normal)))
        bench.converge()
        #expect(bench.spread() == [bench.ids[0]: 1])
    }
}
