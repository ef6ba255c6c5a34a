import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// SPREAD in a policy, and the cluster's own.
@Suite struct SpreadTests {
    /// Two executors in the first zone, one in the second.
    private func bench() throws -> Bench {
        var bench = try Bench(executors: 3)
        for (id, zone) in zip(bench.ids, ["a", "a", "b"]) {
            bench.executors[id]?.description.zone = zone
            bench.executors[id]?.restart()
        }
        bench.beat()
        bench.beat()
        return bench
    }

    private func zones(_ bench: Bench, _ app: String) -> [String: Int] {
        bench.instances(app).reduce(into: [:]) { counts, instance in
            let zone = bench.turn.committed.members[instance.executor]?.description.zone
            counts[zone ?? "", default: 0] += 1
        }
    }

    @Test func `an application is spread evenly over zones, however many executors each has`() throws {
        var bench = try bench()
        bench.create(instances: 6, exampleSpec(name: "EVEN", policy: .spread(SpreadPolicy(.zone))))
        bench.converge()
        #expect(zones(bench, "EVEN-1") == ["a": 3, "b": 3])
    }

    @Test func `versions of one name are spread together, unless each is spread by itself`() throws {
        var bench = try bench()
        for version in ["1", "2", "3", "4"] {
            let policy = PlacementPolicy.spread(SpreadPolicy(.zone))
            bench.create(instances: 1, exampleSpec(name: "NAMED", version: version, policy: policy))
            bench.converge()
        }
        var total: [String: Int] = [:]
        for version in ["1", "2", "3", "4"] { total.merge(zones(bench, "NAMED-\(version)"), uniquingKeysWith: +) }
        #expect(total == ["a": 2, "b": 2])
    }

    @Test func `the cluster's SPREAD holds where a policy says nothing of it, and outlives its leader`() throws {
        var bench = try bench()
        let spread = SpreadPolicy(.zone)
        let outcome = bench.ask(.cluster(.setSpread(spread)))
        #expect(outcome == .cluster(.facts(bench.turn.committed.facts)))
        #expect(bench.turn.committed.facts.spread == spread)
        bench.create(instances: 4, exampleSpec(name: "PLAIN"))
        bench.converge()
        #expect(zones(bench, "PLAIN-1") == ["a": 2, "b": 2])
        try bench.failOver(epoch: 2)
        bench.beat()
        bench.beat()
        #expect(bench.turn.committed.facts.spread == spread)
        bench.create(instances: 4, exampleSpec(name: "LATER"))
        bench.converge()
        #expect(zones(bench, "LATER-1") == ["a": 2, "b": 2])
        bench.ask(.cluster(.setSpread(nil)))
        #expect(bench.turn.committed.facts.spread == nil)
        #expect(bench.turn.committed.ledger().defaultSpread == nil)
    }

    @Test(arguments: [true, false])
    func `a hard spread is as even after all were replaced`(stopFirst: Bool) throws {
        var bench = try bench()
        let third = bench.join(3)
        bench.executors[third]?.description.zone = "c"
        bench.beat()
        bench.beat()
        let policy = PlacementPolicy.spread(SpreadPolicy(.zone, enforcement: .hard))
        bench.create(instances: 3, exampleSpec(name: "EVEN", policy: policy))
        bench.converge()
        #expect(zones(bench, "EVEN-1") == ["a": 1, "b": 1, "c": 1])
        for _ in 0..<4 {
            let old = Set(bench.instances("EVEN-1").map(\.id))
            bench.ask(.replaceInstances(AppID("EVEN-1"), ids: [], stopFirst: stopFirst, .standard))
            for _ in 0..<4 { bench.converge() }
            #expect(old.isDisjoint(with: bench.instances("EVEN-1").map(\.id)))
            #expect(zones(bench, "EVEN-1") == ["a": 1, "b": 1, "c": 1])
        }
    }

    @Test func `what moves from an executor stays in its zone if that has another`() throws {
        var bench = try bench()
        let policy = PlacementPolicy.spread(SpreadPolicy(.zone, enforcement: .hard))
        bench.create(instances: 2, exampleSpec(name: "EVEN", policy: policy))
        bench.converge()
        let inA = try #require(bench.instances("EVEN-1").first { $0.executor != bench.ids[2] })
        bench.order(.blacklist, [inA.executor])
        for _ in 0..<3 { bench.converge() }
        #expect(zones(bench, "EVEN-1") == ["a": 1, "b": 1])
        #expect(bench.instances("EVEN-1").allSatisfy { $0.executor != inA.executor })
    }

    @Test func `the cluster's SPREAD is for applications: tasks go where there is room`() throws {
        var bench = try bench()
        bench.ask(.cluster(.setSpread(SpreadPolicy(.zone))))
        // What the second zone can hold is less than half.
        for number in 0..<24 { bench.ask(.create(smallTask("T\(number)"), .standard)) }
        bench.converge()
        #expect((0..<24).allSatisfy { bench.task("T\($0)")?.instance != nil })
    }
}
