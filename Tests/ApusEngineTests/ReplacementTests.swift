import ApusEngine
import ApusModel
import ApusTestKit
import Testing

@Suite struct ReplacementTests {
    private let app = AppID("TEST_APP-1")

    @Test func `what an executor that is not heard runs does not count as a replacement`() throws {
        var bench = try Bench(executors: 4)
        bench.create(instances: 2)
        bench.converge()
        let old = Set(bench.instances().map(\.id))
        bench.ask(.replaceInstances(app, ids: [], stopFirst: false, .standard))
        bench.deliver()
        let first = try #require(bench.instances().first { !old.contains($0.id) })
        bench.executors[first.executor]?.advance(at: bench.now.wall)
        bench.beat()
        bench.deliver()
        bench.beat()
        bench.deliver()
        #expect(bench.instances().count { old.contains($0.id) } == 1)
        // The first replacement is not heard any more when the second becomes healthy.
        let heard = bench.ids.filter { $0 != first.executor }
        bench.live(.seconds(7), beating: heard)
        for id in heard { bench.executors[id]?.advance(at: bench.now.wall) }
        bench.beat(heard)
        #expect(bench.instances().count { old.contains($0.id) && $0.isHealthy } == 1)
        bench.beat()
        #expect(bench.instances().count { old.contains($0.id) && $0.isHealthy } == 0)
    }
}
