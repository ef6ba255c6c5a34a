import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// What the engine's state says of why there is no more.
@Suite struct ExplanationTests {
    private let app = AppID("TEST_APP-1")

    private func explanation(_ bench: Bench) throws -> Explanation {
        let state = bench.turn.committed
        return try #require(state.explanation(of: app, state.ledger(), at: bench.now.now))
    }

    private func codes(_ bench: Bench) throws -> [String] { try explanation(bench).hindrances.map(\.code) }

    @Test func `nothing hinders an application that has all its instances`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let told = try explanation(bench)
        #expect((told.wanted, told.alive, told.healthy) == (2, 2, 2))
        #expect(told.hindrances.isEmpty)
        #expect(told.placement?.fitting == 2)
        #expect(bench.turn.committed.explanation(of: AppID("NOPE-1"), Ledger(), at: .zero) == nil)
    }

    @Test func `the reasons of all executors are counted, and the cheapest change is told`() throws {
        var bench = try Bench(executors: 3, cores: 4)
        bench.create(instances: 3, exampleSpec(cores: 3))
        bench.converge()
        #expect(try explanation(bench).hindrances.isEmpty)
        bench.live(.seconds(20), beating: Array(bench.ids.dropLast()))
        let told = try explanation(bench)
        #expect((told.wanted, told.alive) == (3, 2))
        #expect(told.hindrances.map(\.code).contains("NO_ROOM"))
        #expect(told.placement?.refusals.map(\.executors) == [2, 1])
        #expect(told.placement?.refusals.map(\.reason) == [.notEnoughCores, .lost])
        #expect(told.placement?.suggestion == .fewerCores(2))
    }

    @Test func `back-off, an operation and instances that are not healthy yet are told`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.deliver()
        bench.beat()
        #expect(try codes(bench) == ["OPERATION", "NOT_HEALTHY_YET"])
        bench.converge()
        for _ in 0..<3 {
            for instance in bench.instances() {
                let cause = EndCause.exited(code: 1, outOfMemory: false)
                bench.executors[bench.ids[0]]?.set(
                    instance.id,
                    .stopped,
                    error: "exit 1",
                    cause: cause,
                    at: bench.now.wall
                )
            }
            bench.beat()
            bench.deliver()
        }
        #expect(try codes(bench).contains("BACKOFF"))
    }

    @Test func `a new leader tells whom it waits to hear from`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 4)
        bench.converge()
        try bench.failOver(epoch: 2)
        bench.ask(.scale(app, required: 5, .standard))
        #expect(try codes(bench).contains("EXECUTORS_UNHEARD"))
        bench.converge()
        #expect(try codes(bench).isEmpty)
    }

    @Test func `the ledger of a snapshot refuses what the leader's refuses`() throws {
        var bench = try Bench(executors: 3, cores: 4)
        bench.executors[bench.ids[0]]?.troubles = ["no engine"]
        bench.create(instances: 9)
        bench.converge()
        bench.live(.seconds(8), beating: Array(bench.ids.dropLast()))
        let shortfall = try #require(bench.application()?.shortfall)
        let told = try #require(try explanation(bench).placement)
        #expect(told.refusals.map(\.reason) == shortfall.counts.map(\.reason))
        #expect(told.refusals.map(\.executors) == shortfall.counts.map(\.executors))
        #expect(told.answers.count == 3)
    }

    @Test func `a simulation fills what is free, and says why no more fit`() throws {
        var bench = try Bench(executors: 2, cores: 4)
        bench.create(instances: 2)
        bench.converge()
        let state = bench.turn.committed
        var ledger = state.ledger()
        let workload = Workload.application(exampleSpec(name: "NEW"))
        let group = workload.owner.placementGroup(name: "NEW")
        let simulation = PlacementSimulation(of: workload, instances: 2048, group: group, on: &ledger)
        #expect(simulation.places.count == 6)
        #expect(simulation.refusal?.text == "0 of 2 executors fit: 2 not enough cores")
        #expect(bench.instances().count == 2)
    }
}
