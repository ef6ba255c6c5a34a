import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// What the engine counts for its operators.
@Suite struct TallyTests {
    private func task(cores: Int = 1) -> TaskSpec {
        TaskSpec(
            sourceAppName: "SRC",
            taskID: "T1",
            executable: Executable(url: "job:1"),
            resources: ResourceRequirements(cores: cores, memoryMB: 64)
        )
    }

    private func counts(_ bench: Bench) -> [Happening: Int64] { bench.turn.engine.tally.counts }

    @Test func `a task whose executor is given up counts as lost, once`() throws {
        var bench = try Bench()
        bench.ask(.create(task(), ClusterOpSpec(timeout: DurationText(60, .seconds), parallelism: 1)))
        bench.converge()
        #expect(counts(bench).isEmpty)
        bench.live(.seconds(20), beating: [])
        #expect(counts(bench)[.taskEnded(.lost)] == 1)
        bench.converge()
        #expect(counts(bench)[.taskEnded(.lost)] == 1)
        #expect(counts(bench)[.instanceFailed(.executorLost)] == nil, "a task is not replaced")
    }

    @Test func `what failed unasked counts by its cause, and what was stopped does not`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 3)
        bench.converge()
        let before = bench.turn.engine.tally
        let first = try #require(bench.instances().first)
        for state in [InstanceState.unhealthy, .stopped] {
            let cause = EndCause.healthFailed(.timeout)
            bench.executors[first.executor]?.set(first.id, state, error: "late", cause: cause, at: bench.now.wall)
            bench.converge()
        }
        #expect(bench.turn.engine.tally.since(before) == [.instanceFailed(.healthFailed(.timeout)): 1])
        #expect(bench.healthy() == 3)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.converge()
        #expect(bench.turn.engine.tally.since(before) == [.instanceFailed(.healthFailed(.timeout)): 1])
        let there = Set(bench.instances().map(\.executor))
        bench.live(.seconds(20), beating: bench.ids.filter { !there.contains($0) })
        #expect(bench.turn.engine.tally.counts[.instanceFailed(.executorLost)] == 1)
    }

    @Test func `what was to be stopped when its executor was lost is not replaced, and does not count`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.ask(.suspend(AppID("TEST_APP-1"), .standard))
        #expect(bench.instances().map { $0.stop != nil } == [true])
        bench.live(.seconds(20), beating: [])
        #expect(bench.instances().isEmpty)
        #expect(counts(bench).isEmpty)
    }

    @Test func `an instance that its executor never took counts once, though that is lost later`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        let first = try #require(bench.sent.first?.executor)
        bench.live(.seconds(20), failing: [first])
        #expect(counts(bench)[.instanceFailed(.executorLost)] == 1)
        bench.live(.seconds(20), beating: bench.ids.filter { $0 != first }, failing: [first])
        #expect(bench.turn.committed.members[first]?.isLost == true)
        #expect(counts(bench)[.instanceFailed(.executorLost)] == 1)
    }

    @Test func `a refused placement counts under each reason, whatever the reason says of one case`() throws {
        var bench = try Bench(executors: 2, cores: 8)
        bench.create(instances: 2, exampleSpec(cores: 6))
        bench.converge()
        bench.executors[bench.ids[0]]?.troubles = ["out of order"]
        bench.beat()
        #expect(counts(bench).isEmpty)
        bench.create(instances: 1, exampleSpec(name: "LARGE", cores: 4))
        bench.converge()
        #expect(Set(counts(bench).keys) == [.placementRefused(.notEnoughCores), .placementRefused(.suspended)])
        #expect(Set(RefusalKind.allCases.map(\.rawValue)).count == RefusalKind.allCases.count)
        #expect(RefusalReason.withoutTag("a").kind == RefusalReason.withoutTag("b").kind)
        #expect(RefusalReason.notEnoughCores.kind == .notEnoughCores)
    }
}
