import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// What the controller decides by itself about instances and tasks is told with its cause.
@Suite struct DecisionTests {
    private static let app = AppID("TEST_APP-1")
    private static let subject = AuditSubject(.application, "TEST_APP-1")
    private static let short = ClusterOpSpec(timeout: DurationText(5, .seconds), parallelism: 1)

    @Test func `a start and a stop that somebody asked for name the operation that they are a step of`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let starts = bench.decided(.instanceStarted)
        #expect(starts.map(\.operation?.type) == ["CREATE", "CREATE"])
        #expect(starts.allSatisfy { $0.operation?.subject == Self.subject && $0.operation?.id != nil })
        #expect(Set(starts.map(\.subject)) == Set(bench.instances().map { AuditSubject($0.id) }))
        #expect(starts.allSatisfy { $0.related == ["TEST_APP-1", "executor-0"] })
        #expect(bench.causes(.operationEnded) == ["all is as it was asked for"])
        bench.ask(.scale(Self.app, required: 1, .standard))
        bench.converge()
        #expect(bench.decided(.instanceStopped).map(\.operation?.type) == ["SCALE"])
        #expect(bench.decided(.operationEnded).map(\.operation?.type) == ["CREATE", "SCALE"])
        #expect(bench.decided(.instanceReplaced).isEmpty && bench.decided(.instanceSurplusStopped).isEmpty)
    }

    @Test func `an instance that failed is named by the one in its place, with what its executor said`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        let old = try #require(bench.instances().first)
        bench.fail(old, "health check failed 3 times: connection refused")
        let cause = "in place of \(old.id): it failed: health check failed 3 times: connection refused"
        #expect(bench.causes(.instanceReplaced) == [cause])
        #expect(bench.decided(.instanceReplaced).first?.related.contains(old.id.rawValue) == true)
        #expect(bench.decided(.instanceReplaced).first?.operation == nil)
    }

    @Test func `what fails again waits, and the next try says why it was late`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        for _ in 0..<2 {
            bench.fail(try #require(bench.instances().first), "", .exited(code: 3, outOfMemory: false))
            bench.deliver()
            bench.beat()
        }
        let held = try #require(bench.decided(.backOff).first)
        #expect(held.subject == Self.subject)
        #expect(held.cause.hasPrefix("failed 2 times in a row, last: "))
        #expect(held.cause.hasSuffix(": the next try is in 1 s"))
        #expect(bench.causes(.instanceReplaced).first?.hasSuffix(": it failed: exited with code 3") == true)
        bench.live(.seconds(3))
        #expect(
            bench.causes(.instanceReplaced).last?.hasPrefix(
                "0 of 1 expected instances were there; tried again after 2 failures in a row, the last: "
            ) == true
        )
    }

    @Test func `an operation that runs out of time is told as failed`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.ask(.scale(Self.app, required: 2, Self.short))
        bench.live(.seconds(8), delivering: false)
        #expect(bench.decided(.operationFailed).map(\.operation?.type) == ["SCALE"])
        #expect(bench.causes(.operationFailed).first?.hasPrefix("not done within 5 seconds: 1 of 2 healthy") == true)
    }

    @Test func `an operation that is rolled back is told with what it stops`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        var spec = Self.short
        spec.failureStrategy = .rollback
        bench.ask(.scale(Self.app, required: 2, spec))
        bench.live(.seconds(8), delivering: false)
        #expect(bench.decided(.operationRolledBack).map(\.operation?.type) == ["SCALE"])
        let stopped = try #require(bench.decided(.instanceStopped).last)
        #expect(stopped.cause == "its operation failed and is rolled back")
        #expect(stopped.operation?.type == "SCALE" && stopped.operation?.id != nil)
    }

    @Test func `that there is no room is told once, not with each try`() throws {
        var bench = try Bench()
        let wide = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 4)
        bench.ask(.create(exampleSpec(policy: .onePerHost), instances: 2, wide))
        bench.converge()
        bench.live(.seconds(10))
        #expect(bench.causes(.placementRefused) == ["0 of 1 executors fit: 1 already runs an instance of it"])
        let more = TestExecutor(number: 1, cores: 8, memoryMB: 8192)
        bench.executors[more.identity.id] = more
        bench.converge()
        #expect(bench.healthy() == 2)
    }

    @Test func `a count that follows the machines says from what to what`() throws {
        var bench = try Bench(executors: 4)
        let share = try CapacityShare(parsing: "25%", least: 1, most: 2048)
        let wide = ClusterOpSpec(timeout: DurationText(60, .seconds), parallelism: 32)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), share, wide))
        bench.converge()
        #expect(bench.decided(.countFollowed).isEmpty)
        let more = TestExecutor(number: 4, cores: 8, memoryMB: 8192)
        bench.executors[more.identity.id] = more
        bench.live(.seconds(2))
        bench.converge()
        #expect(bench.causes(.countFollowed) == ["25% of what the executors could hold is 10 now, 8 before"])
        #expect(
            bench.causes(.instanceStarted).suffix(2).allSatisfy { $0.hasSuffix("follows its share of the cluster") }
        )
    }

    @Test func `a destroyed application ends its operation, a forgotten one says why it was forgotten`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        bench.ask(.destroy(Self.app, .standard))
        #expect(bench.decided(.operationEnded).map(\.operation?.type) == ["DESTROY"])
        #expect(bench.decided(.operationEnded).first?.operation?.id != nil, "done in the turn that it was asked in")
        #expect(bench.causes(.operationEnded) == ["nothing of it is left"])
        bench.create(instances: 0)
        for _ in 0..<(8 * 24) {
            bench.pass(.seconds(3_600))
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.application() == nil)
        #expect(bench.decided(.recordForgotten).map(\.subject) == [Self.subject])
        #expect(bench.causes(.recordForgotten) == ["nothing was wanted of it for 7 days"])
        #expect(bench.decided(.operationEnded).count == 1)
    }

    @Test func `a local service's start says what was wanted there`() throws {
        let bench = try Bench.serving(executors: 2)
        let starts = bench.causes(.instanceStarted).sorted()
        #expect(starts == (0..<2).map { "the local service is ACTIVE: 1 wanted on host-\($0), 0 there" })
    }

    @Test func `heartbeats decide nothing, nor does a new leader over what is as it should be`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.decisions = []
        bench.live(.seconds(30))
        try bench.failOver(epoch: 2)
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.decisions.isEmpty)
    }

    @Test func `what two requests of one turn began is told apart`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        for (request, required) in [(RequestID(7), 2), (8, 3)] {
            let scale = Command.application(.scale(Self.app, required: required, .standard))
            _ = bench.turn.take(.command(request, scale), at: bench.now)
        }
        _ = bench.turn.close(at: bench.now)
        _ = bench.turn.stored()
        let (begun, application) = (bench.turn.changes.begun, try #require(bench.application()))
        #expect(begun[7]?.id != nil && begun[7]?.id == application.lastOperation?.id)
        #expect(begun[8]?.id != nil && begun[8]?.id == application.operation?.id)
    }

    @Test func `what is decided and not stored yet is not told`() throws {
        var bench = try Bench()
        let before = bench.turn.committed
        let create = Command.application(.create(exampleSpec(), instances: 1, .standard))
        _ = bench.turn.take(.command(7, create), at: bench.now)
        _ = bench.turn.close(at: bench.now)
        #expect(bench.turn.committed.decisions(since: before, bench.turn.changes).isEmpty)
        _ = bench.turn.stored()
        #expect(bench.turn.committed.decisions(since: before, bench.turn.changes).map(\.kind) == [.instanceStarted])
    }

    // MARK: tasks

    @Test func `a task is told where it was placed, and that it is lost with its executor`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        let placed = try #require(bench.decided(.taskPlaced).first)
        #expect(placed.subject == AuditSubject(.task, "SRC/T1"))
        #expect(placed.cause == "on host-0")
        #expect(placed.operation?.type == "TASK_CREATE")
        #expect(placed.detail?["executorId"] == "executor-0")
        bench.live(.seconds(12), beating: [])
        #expect(bench.causes(.taskLost) == ["Instance lost: executor host-0 is not heard"])
    }

    @Test func `a task that no executor takes in time is stopped and given up`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), Self.short))
        bench.live(.seconds(8), delivering: false)
        #expect(bench.causes(.instanceStopped) == ["its executor did not take it in time"])
        bench.deliver()
        bench.beat()
        #expect(bench.causes(.taskGivenUp) == ["not taken by its executor within 5 seconds"])
    }

    @Test func `a task that ends by itself, or by a user, is no decision of the controller`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        bench.ask(.create(smallTask("T2"), .standard))
        bench.converge()
        bench.endTask(code: 3)
        bench.ask(.kill(TaskID(source: "SRC", name: "T2"), .standard))
        bench.converge()
        #expect(bench.task()?.end != nil && bench.task("T2")?.end?.result == .cancelled)
        #expect(Set(bench.decisions.filter { $0.subject.kind == .task }.map(\.kind)) == [.taskPlaced])
        #expect(bench.decided(.instanceStopped).map(\.operation?.type) == ["TASK_KILL"])
    }
}
