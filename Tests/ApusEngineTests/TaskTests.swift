import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// Every accepted task ends in a recorded state with its reason, and starts at most once (contract §4.6, §4.7).
@Suite struct TaskTests {
    private let id = TaskID(source: "SRC", name: "T1")

    private func spec(_ name: String = "T1", cores: Int = 1, policy: PlacementPolicy? = nil) -> TaskSpec {
        TaskSpec(
            sourceAppName: "SRC",
            taskID: name,
            executable: Executable(url: "job:1"),
            resources: ResourceRequirements(cores: cores, memoryMB: 64),
            placementPolicy: policy
        )
    }

    private func opSpec(timeout: Int64 = 60) -> ClusterOpSpec {
        ClusterOpSpec(timeout: DurationText(timeout, .seconds), parallelism: 1)
    }

    private func exit(_ bench: inout Bench, _ code: Int64, error: String = "") {
        guard let instance = bench.task()?.instance else { return }
        for executor in bench.ids {
            let cause = EndCause.exited(code: code, outOfMemory: false)
            bench.executors[executor]?.set(instance, .stopped, error: error, cause: cause, at: bench.now.wall)
        }
        bench.beat()
    }

    @Test func `a task is known from its acceptance, committed before its START, and runs to its exit code`() throws {
        var bench = try Bench()
        #expect(bench.ask(.create(spec(), opSpec())) == .accepted(.task(id)))
        #expect(bench.store[RecordKey(.task, "SRC/T1")] != nil)
        #expect(bench.sent.count == 1)
        #expect(bench.task()?.end == nil)
        bench.converge()
        let instance = try #require(bench.task()?.instance)
        #expect(bench.turn.committed.instances[instance]?.state == .running)
        exit(&bench, 3, error: "container exited with code 3")
        let end = try #require(bench.task()?.end)
        #expect(end.result == .failed)
        #expect(end.exitCode == 3)
        #expect(end.state == .stopped)
        #expect(end.place?.executor == ExecutorID("executor-0"))
        #expect(bench.turn.committed.instances.isEmpty)
        #expect(bench.executors.values.allSatisfy { $0.instances.isEmpty }, "the executor may forget it")
    }

    @Test func `exit code 0 is a success`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        exit(&bench, 0)
        #expect(bench.task()?.end?.result == .successful)
        #expect(bench.task()?.end?.error.isEmpty == true)
    }

    @Test func `an id is taken for as long as its record is kept`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        let refusal = CommandOutcome.refused(["Task already exists for SRC/T1 with taskID: SRC-T1"])
        #expect(bench.ask(.create(spec(), opSpec())) == refusal)
        bench.converge()
        #expect(bench.ask(.forget(id)) == .refused(["Could not delete SRC/T1"]), "it runs")
        exit(&bench, 0)
        #expect(bench.ask(.create(spec(), opSpec())) == refusal)
        #expect(bench.ask(.forget(id)) == .accepted(.task(id)))
        #expect(bench.store[RecordKey(.task, "SRC/T1")] == nil)
        #expect(bench.ask(.create(spec(), opSpec())) == .accepted(.task(id)))
    }

    @Test func `a killed task ends as cancelled, placed or not`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        #expect(bench.ask(.kill(id, opSpec())) == .accepted(.task(id)))
        #expect(bench.sent.map(\.order) == [.stop(try #require(bench.task()?.instance), .killed)])
        bench.converge()
        let end = try #require(bench.task()?.end)
        #expect(end.result == .cancelled)
        #expect(end.exitCode == -1)
        #expect(end.error == "killed by a user")
        #expect(
            bench.ask(.kill(id, opSpec()))
                == .refused(["Either task does not exist or has already finished for SRC/T1"])
        )
    }

    @Test func `a task without a place waits, says why, and ends unplaceable`() throws {
        var bench = try Bench(cores: 2)
        bench.create(instances: 1)
        bench.converge()
        let policy = PlacementPolicy.onePerHost
        bench.ask(.create(spec("T0", policy: policy), opSpec()))
        bench.converge()
        bench.ask(.create(spec(policy: policy), opSpec(timeout: 20)))
        #expect(bench.task() == nil || bench.task()?.instance == nil)
        // Cores are all taken now: it is refused at once. One fewer, and the policy speaks.
        bench.ask(.suspend(AppID("TEST_APP-1"), .standard))
        bench.converge()
        bench.ask(.create(spec(policy: policy), opSpec(timeout: 20)))
        #expect(bench.task()?.shortfall?.text == "0 of 1 executors fit: 1 already runs an instance of it")
        bench.live(.seconds(21))
        let end = try #require(bench.task()?.end)
        #expect(end.cause == .unplaceable)
        #expect(end.result == .failed)
        #expect(
            end.error == "found no place within 20 seconds: 0 of 1 executors fit: 1 already runs an instance of it"
        )
    }

    @Test func `a waiting task starts when there is room`() throws {
        var bench = try Bench(cores: 4)
        let policy = PlacementPolicy.onePerHost
        bench.ask(.create(spec("T0", policy: policy), opSpec()))
        bench.converge()
        bench.ask(.create(spec(policy: policy), opSpec()))
        #expect(bench.task()?.instance == nil)
        bench.ask(.kill(TaskID(source: "SRC", name: "T0"), opSpec()))
        bench.converge()
        #expect(bench.task()?.instance != nil)
    }

    @Test func `a task on a lost executor is LOST, not placed again, and stopped if it comes back`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        let instance = try #require(bench.task()?.instance)
        let home = try #require(bench.turn.committed.instances[instance]?.executor)
        bench.live(.seconds(12), beating: bench.ids.filter { $0 != home })
        let end = try #require(bench.task()?.end)
        #expect(end.state == .lost)
        #expect(end.result == .lost)
        #expect(end.exitCode == -1)
        bench.sent = []
        bench.beat()
        bench.beat()
        bench.take(.tick)
        #expect(bench.sent.map(\.order) == [.stop(instance, .lost)])
        bench.converge()
        #expect(bench.task()?.end == end, "an end never changes")
    }

    @Test func `a START is repeated by the next leader to the same executor only`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec()))
        let first = try #require(bench.sent.first)
        try bench.failOver(epoch: 2)
        bench.beat()
        bench.beat()
        let again = bench.sent.filter { if case .start = $0.order { true } else { false } }
        #expect(again.map(\.executor) == [first.executor])
        #expect(again.map(\.instance) == [first.instance])
        #expect(again.first?.key == first.key)
    }

    @Test func `what executors surely did not start is placed again, elsewhere first, three times at most`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec()))
        var ids: Set<InstanceID> = []
        var executors: [ExecutorID] = []
        for _ in 0..<4 {
            if bench.sent.isEmpty { bench.live(.seconds(11), delivering: false) }
            let command = try #require(bench.sent.last)
            ids.insert(command.instance)
            executors.append(command.executor)
            bench.sent = []
            bench.take(.answered(command.executor, command, .refused(.resourcesHeld, reason: "cores [0] are held")))
        }
        #expect(ids.count == 4)
        #expect(Set(executors.prefix(2)).count == 2)
        #expect(bench.task()?.end?.cause == .refused)
        #expect(bench.task()?.end?.error == "refused by its executor: cores [0] are held")
        #expect(bench.sent.isEmpty)
    }

    @Test func `a task whose executor is heard but takes nothing is LOST, and no other executor gets it`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec()))
        let first = try #require(bench.sent.first)
        bench.live(.seconds(20), failing: [first.executor])
        let end = try #require(bench.task()?.end)
        #expect(end.result == .lost)
        #expect(end.error == "Instance lost: executor host-\(first.executor.rawValue.suffix(1)) does not take commands")
        #expect(bench.turn.committed.instances.isEmpty)
        #expect(bench.startedAt == [first.executor])
    }

    @Test func `a task that may run on a silent executor is not stopped as one that was not taken`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec(timeout: 3)))
        bench.converge()
        try bench.failOver(epoch: 2)
        // Silent, not lost yet, and past the three seconds.
        bench.live(.seconds(8), beating: [])
        bench.converge()
        #expect(bench.task()?.end == nil)
        exit(&bench, 0)
        #expect(bench.task()?.end?.result == .successful)
    }

    @Test func `what a task has waited is not forgotten when leaders change`() throws {
        var bench = try Bench(cores: 2)
        bench.ask(.create(spec(policy: .onePerHost), opSpec()))
        bench.ask(.create(spec("T2", policy: .onePerHost), opSpec(timeout: 60)))
        for epoch in 2...8 {
            bench.live(.seconds(15))
            try bench.failOver(epoch: Epoch(epoch))
            bench.beat()
            bench.beat()
        }
        bench.live(.seconds(1))
        #expect(bench.task("T2")?.end?.cause == .unplaceable)
    }

    @Test func `a task stored as placed on an executor that is lost ends with the next leader`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        let key = RecordKey(.task, "SRC/T1")
        let placed = bench.store[key]
        bench.live(.seconds(11), beating: [])
        #expect(bench.task()?.end?.result == .lost)
        // As after a crash between the two batches.
        bench.store[key] = placed
        try bench.failOver(epoch: 2)
        bench.take(.tick)
        #expect(bench.task()?.end?.result == .lost)
        #expect(bench.turn.committed.instances.isEmpty)
    }

    @Test func `a refusal decides nothing while a later START may still be taken`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec()))
        let first = try #require(bench.sent.last)
        bench.sent = []
        // Nothing is heard of it, so it is sent again.
        for _ in 0..<5 {
            bench.pass(.milliseconds(500))
            bench.beat()
            bench.take(.tick)
        }
        let second = try #require(bench.sent.last)
        #expect(second.instance == first.instance)
        bench.sent = []
        bench.take(.answered(first.executor, first, .refused(.resourcesHeld, reason: "cores [0] are held")))
        #expect(bench.task()?.instance == first.instance, "the second may have been taken")
        #expect(bench.sent.isEmpty)
        bench.take(.answered(second.executor, second, .refused(.resourcesHeld, reason: "cores [0] are held")))
        #expect(bench.task()?.instance != first.instance)
        #expect(bench.sent.count == 1)
    }

    @Test func `an executor that does not take a task in time is told to stop it, and no other gets it`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(spec(), opSpec(timeout: 5)))
        let instance = try #require(bench.task()?.instance)
        bench.sent = []
        for _ in 0..<14 {
            bench.pass(.milliseconds(500))
            bench.beat()
            bench.take(.tick)
        }
        let stop = try #require(bench.sent.last { $0.order == .stop(instance, .requested) })
        bench.take(.answered(stop.executor, stop, .accepted(nil)))
        #expect(bench.task()?.end?.result == .failed)
        #expect(bench.task()?.end?.error == "not taken by its executor within 5 seconds")
    }

    @Test func `results survive the leader, and are dropped after two days`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        exit(&bench, 7)
        try bench.failOver(epoch: 2)
        #expect(bench.task()?.end?.exitCode == 7)
        bench.pass(.seconds(2 * 86_400 + 1))
        bench.beat()
        bench.take(.tick)
        #expect(bench.task() == nil)
        #expect(bench.store[RecordKey(.task, "SRC/T1")] == nil)
    }

    @Test func `a task that its executor no longer knows is LOST`() throws {
        var bench = try Bench()
        bench.ask(.create(spec(), opSpec()))
        bench.converge()
        for executor in bench.ids { bench.executors[executor]?.restart(knowing: false) }
        bench.beat()
        bench.beat()
        #expect(bench.task()?.end?.result == .lost)
        #expect(bench.task()?.end?.error == "its executor no longer knows it")
    }
}
