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
        return try #require(state.explanation(of: app, state.ledger(), at: bench.now))
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
        #expect(bench.turn.committed.explanation(of: AppID("NOPE-1"), Ledger(), at: bench.now) == nil)
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
        #expect(told.placement?.refusals.map(\.reason) == [.refusal(.notEnoughCores), .refusal(.lost)])
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
        #expect(told.refusals.map(\.reason) == shortfall.counts.map { .refusal($0.reason) })
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

    @Test func `a place that is kept for a local service is kept in the snapshot's ledger too`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.create(instances: 8)
        bench.converge()
        bench.failService()
        #expect(bench.serving().isEmpty)
        let state = bench.turn.committed
        let told = try explanation(bench)
        #expect((told.wanted, told.alive, told.placement?.fitting) == (8, 7, 0))
        #expect(told.placement?.refusals.map(\.reason) == [.refusal(.notEnoughCores)])
        let (executor, usage) = (bench.ids[0], state.members[bench.ids[0]]?.usage)
        #expect(state.ledger(of: [executor]).usage(of: executor)?.first?.freeCores.count == usage?.freeCores)
        #expect(usage?.freeCores == 0)
    }

    @Test func `machines that are silent together and not given up yet are named, with the time that is left`() throws {
        var bench = try Bench(executors: 10)
        bench.create(instances: 10)
        bench.converge()
        bench.live(.seconds(30), beating: Array(bench.ids[3...]))
        let told = try explanation(bench)
        #expect((told.alive, told.healthy) == (10, 10))
        let held = try #require(told.hindrances.first)
        #expect(held.code == "LOSS_HELD")
        #expect(held.until == bench.turn.committed.heldLosses.compactMap(\.lossHold?.until).max())
        let left = try #require(held.until).milliseconds - bench.now.wall.milliseconds
        #expect((20_000...70_000).contains(left))
        #expect(held.text.contains("not given up for \(left / 1000 + 1) s more"))
        #expect(held.text.hasSuffix("host-0:11000, host-1:11000, host-2:11000"))
        #expect(told.hindrances.count == 1)
    }

    @Test func `maintenance hinders neither a task nor what an operation brings up`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        var picky = smallTask()
        picky.placementPolicy = .ruleBased(PlacementRule("false"))
        bench.ask(.create(picky, .standard))
        bench.ask(.cluster(.setMode(.maintenance)))
        #expect(try codes(bench) == ["OPERATION", "NOT_HEALTHY_YET"])
        let state = bench.turn.committed
        let task = try #require(
            state.explanation(of: TaskID(source: "SRC", name: "T1"), state.ledger(), at: bench.now)
        )
        #expect(task.hindrances == [.noRoom])
        bench.converge()
        let instance = try #require(bench.instances().first)
        bench.executors[instance.executor]?.set(instance.id, .stopped, error: "exited", at: bench.now.wall)
        bench.beat()
        #expect(try codes(bench).first == "MAINTENANCE")
    }
}

/// What is said of a local service, host by host.
@Suite struct ServiceExplanationTests {
    private let id = ServiceID("TEST_SERVICE-1")

    private func explanation(_ bench: Bench) throws -> Explanation {
        let state = bench.turn.committed
        return try #require(state.explanation(of: id, state.ledger(), at: bench.now))
    }

    @Test func `every executor has what is wanted, or says what hinders it`() throws {
        var bench = try Bench.serving(executors: 3)
        #expect(try explanation(bench).placement?.fitting == 3)
        #expect(try explanation(bench).hindrances.isEmpty)
        let (small, lame) = (bench.join(3, memoryMB: 64), bench.join(4))
        bench.beat()
        bench.beat()
        bench.live(.seconds(20), beating: bench.ids.filter { $0 != bench.ids[0] })
        for _ in 0..<4 {
            for instance in bench.serving() where instance.executor == lame {
                bench.executors[lame]?.set(instance.id, .stopped, error: "exited", at: bench.now.wall)
            }
            bench.beat([lame])
            bench.deliver()
        }
        let told = try explanation(bench)
        let answers = try #require(told.placement?.answers)
        #expect(answers[bench.ids[0]] == .some(.refusal(.lost)))
        #expect(answers[small] == .some(.refusal(.notEnoughMemory)))
        #expect(told.placement?.fitting == 2)
        #expect((told.placement?.refusals.reduce(0) { $0 + $1.executors }, answers.count) == (3, 5))
        guard case .failing(let how)?? = answers[lame] else {
            Issue.record("\(String(describing: answers[lame]))")
            return
        }
        #expect(how.contains("failed"))
        #expect((told.wanted, told.alive, told.healthy) == (4, 2, 2))
    }

    @Test func `what stays on an executor that takes no more is wanted there, so that the counts meet`() throws {
        var bench = try Bench.serving(executors: 3)
        bench.executors[bench.ids[0]]?.troubles = ["no engine"]
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        let busy = try #require(bench.task()?.instance.flatMap { bench.turn.committed.instances[$0] }?.executor)
        bench.order(.blacklist, [busy])
        bench.converge()
        let service = try #require(bench.service())
        #expect(bench.turn.committed.wantedInstances(of: service) == 3)
        #expect(bench.serving().count(where: \.isHealthy) == 3)
        bench.endTask()
        bench.converge()
        #expect(bench.turn.committed.wantedInstances(of: try #require(bench.service())) == 2)
    }

    @Test func `a simulated service goes to each executor, ready or not, and its refusals are as many as they`() throws
    {
        var bench = try Bench.serving(exampleService(name: "FIRST"), executors: 2)
        let small = bench.join(2, memoryMB: 100)
        bench.executors[bench.join(3)]?.failing = []
        bench.beat()
        bench.beat()
        #expect(bench.turn.committed.members.values.contains { $0.admission == .closed(.unready) })
        let workload = Workload.localService(exampleService())
        let group = workload.owner.placementGroup(name: nil)
        var ledger = bench.turn.committed.ledger()
        let simulation = PlacementSimulation(of: workload, instances: 4, group: group, on: &ledger)
        #expect(Set(simulation.places).count == 3 && simulation.places.count == 3)
        #expect(!simulation.places.contains(small))
        #expect(simulation.refusal?.counts.reduce(0) { $0 + $1.executors } == 4)
        var other = bench.turn.committed.ledger()
        let all = PlacementSimulation(of: workload, instances: 3, group: group, on: &other)
        #expect(all.places.count == 3 && all.refusal == nil)
    }
}
