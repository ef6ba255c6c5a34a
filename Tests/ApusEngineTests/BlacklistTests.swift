import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// Executors excluded from work: their applications move, replacement first (contract §5.6).
@Suite struct BlacklistTests {
    private let app = AppID("TEST_APP-1")

    @Test func `an application moves one instance at a time, and never has fewer healthy ones than expected`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 4)
        bench.converge()
        let (first, second) = (bench.ids[0], bench.ids[1])
        #expect(bench.instances().count { $0.executor == first } == 2)
        bench.order(.blacklist, [first])
        #expect(bench.duty(first) == .blacklistRequested)
        let watch = bench.watch(untilDuty: .blacklisted, of: first)
        #expect(watch.fewestHealthy == 4)
        #expect(watch.mostAlive == 5)
        #expect(bench.instances().allSatisfy { $0.executor == second })
        #expect(bench.instances().count == 4)
        let ended = bench.turn.committed.endedInstances(of: app)
        #expect(ended.count == 2)
        #expect(ended.allSatisfy { $0.cause == .stopped(.replaced) })
    }

    @Test func `another machine under the id of a blacklisted executor is blacklisted too`() throws {
        var bench = try Bench(executors: 2)
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.order(.blacklist, [first])
        bench.live(.seconds(12), beating: [second])
        bench.executors[first]?.identity.key = NodeKey("another")
        bench.executors[first]?.restart(knowing: false)
        bench.beat()
        bench.beat()
        #expect(bench.turn.committed.members[first]?.key == NodeKey("another"))
        #expect(bench.duty(first)?.isLeaving == true)
        bench.create(instances: 2)
        bench.converge()
        #expect(bench.instances().allSatisfy { $0.executor == second })
        try bench.failOver(epoch: 2)
        #expect(bench.duty(first)?.isLeaving == true)
    }

    @Test func `every executor of one request is excluded before anything moves`() throws {
        var bench = try Bench(executors: 3)
        bench.create(instances: 3)
        bench.converge()
        bench.order(.blacklist, [bench.ids[0], bench.ids[1]])
        _ = bench.watch(untilDuty: .blacklisted, of: bench.ids[0])
        _ = bench.watch(untilDuty: .blacklisted, of: bench.ids[1])
        #expect(bench.startedAt == Set(bench.ids))
        // Each instance was started once at its first place, and once on the third.
        #expect(bench.turn.committed.endedInstances(of: app).count == 2)
        #expect(bench.instances().allSatisfy { $0.executor == bench.ids[2] })
    }

    @Test func `what finds no room stays where it is, says why, and moves when there is room`() throws {
        var bench = try Bench(executors: 2, cores: 2)
        bench.create(instances: 4)
        bench.converge()
        let first = bench.ids[0]
        bench.order(.blacklist, [first])
        bench.converge()
        #expect(bench.healthy() == 4)
        #expect(bench.duty(first) == .blacklistRequested)
        #expect(bench.application()?.shortfall?.text.contains("1 blacklisted") == true)
        let more = TestExecutor(number: 2, cores: 2, memoryMB: 8192)
        bench.executors[more.identity.id] = more
        let watch = bench.watch(untilDuty: .blacklisted, of: first)
        #expect(watch.fewestHealthy == 4)
        #expect(bench.application()?.shortfall == nil)
    }

    @Test func `the move goes on under a new leader, and the duty survives restarts of either side`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 4)
        bench.converge()
        let first = bench.ids[0]
        bench.order(.blacklist, [first])
        bench.deliver()
        try bench.failOver(epoch: 2)
        bench.executors[first]?.restart()
        #expect(bench.duty(first) == .blacklistRequested)
        let watch = bench.watch(untilDuty: .blacklisted, of: first)
        #expect(watch.mostAlive <= 5)
        try bench.failOver(epoch: 3)
        bench.beat()
        bench.beat()
        #expect(bench.duty(first) == .blacklisted)
        bench.ask(.scale(app, required: 6, .standard))
        bench.converge()
        #expect(bench.healthy() == 6)
        #expect(!bench.instances().contains { $0.executor == first })
    }

    @Test func `tasks are left to finish; they do not keep an executor from being blacklisted`() throws {
        var bench = try Bench(executors: 1)
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        bench.order(.blacklist, bench.ids)
        bench.converge()
        #expect(bench.duty(bench.ids[0]) == .blacklisted)
        #expect(bench.task()?.end == nil)
        bench.endTask()
        #expect(bench.task()?.end?.result == .successful)
        bench.ask(.create(smallTask("T2"), .standard))
        #expect(bench.outcomes.values.contains(.refused(["No executors on cluster"])))
    }

    @Test func `an executor that is unblacklisted takes work again`() throws {
        var bench = try Bench(executors: 1)
        bench.order(.blacklist, bench.ids)
        bench.converge()
        #expect(bench.duty(bench.ids[0]) == .blacklisted)
        bench.order(.unblacklist, bench.ids)
        #expect(bench.duty(bench.ids[0]) == .active)
        bench.create(instances: 1)
        bench.converge()
        #expect(bench.healthy() == 1)
    }

    @Test(arguments: [2, 6])
    func `a scaling that is under way reaches its count while the application moves`(count: Int) throws {
        var bench = try Bench(executors: 3)
        bench.create(instances: 4)
        bench.converge()
        bench.ask(.scale(app, required: count, .standard))
        bench.order(.blacklist, [bench.ids[0]])
        let watch = bench.watch(untilDuty: .blacklisted, of: bench.ids[0])
        bench.converge()
        #expect(watch.fewestHealthy >= min(4, count))
        #expect(bench.healthy() == count)
        #expect(bench.instances().count == count)
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `a replacement that starts first takes along what has to move`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 4)
        bench.converge()
        let first = bench.ids[0]
        let staying = bench.instances().filter { $0.executor != first }.map(\.id)
        bench.ask(.replaceInstances(app, ids: [staying[0]], stopFirst: false, .standard))
        bench.order(.blacklist, [first])
        let watch = bench.watch(untilDuty: .blacklisted, of: first)
        bench.converge()
        #expect(watch.fewestHealthy == 4)
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.instances().count { staying.contains($0.id) } == 1)
    }

    @Test func `executors are named by tag or zone too; what nobody answers to is refused, an unknown id fails alone`()
        throws
    {
        var bench = try Bench(executors: 0)
        for number in 0..<3 {
            var executor = TestExecutor(number: number, cores: 4, memoryMB: 4096)
            executor.description.zone = number == 0 ? "east" : "west"
            if number == 2 { executor.description.tags.append("ssd") }
            bench.executors[executor.identity.id] = executor
        }
        bench.beat()
        bench.beat()
        let ids = bench.ids
        #expect(bench.order(.blacklist, ExecutorSelection(zones: ["east"])) == .done([ids[0]]))
        #expect(bench.order(.blacklist, ExecutorSelection(tags: ["ssd"])) == .done([ids[2]]))
        #expect(bench.duty(ids[1]) == .active)
        #expect(
            bench.order(.blacklist, ExecutorSelection(tags: ["gpu"])) == .refused(["No executor has the tag gpu"])
        )
        let unknown = ExecutorID("nobody")
        guard case .cluster(.executors(let change)) = bench.order(.blacklist, [ids[1], unknown]) else {
            Issue.record("refused")
            return
        }
        #expect(change.done == [ids[1]])
        #expect(change.failed.map(\.executor) == [unknown])
    }

    @Test func `nothing moves in maintenance; it does when that ends`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.order(.blacklist, [bench.ids[0]])
        bench.ask(.cluster(.setMode(.maintenance)))
        let refused = bench.order(.blacklist, [bench.ids[1]])
        #expect(refused == .refused(["Cluster is in maintenance mode"]))
        bench.ask(.cluster(.setMode(.normal)))
        let watch = bench.watch(untilDuty: .blacklisted, of: bench.ids[0])
        #expect(watch.fewestHealthy == 2)
    }

    @Test func `of surplus instances those on a blacklisted executor go first`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.order(.blacklist, [second])
        bench.ask(.scale(app, required: 1, .standard))
        bench.converge()
        #expect(bench.instances().map(\.executor) == [first])
    }
}
