import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// How a ROLLOUT ends that does not succeed.
@Suite struct RolloutFailureTests {
    private let old = AppID("TEST_APP-1")
    private let new = AppID("TEST_APP-2")

    private func opSpec(
        _ parallelism: Int = 1,
        timeout: Int64 = 300,
        _ strategy: ClusterOpSpec.FailureStrategy = .stop
    ) -> ClusterOpSpec {
        ClusterOpSpec(timeout: DurationText(timeout, .seconds), parallelism: parallelism, failureStrategy: strategy)
    }

    @Test func `a new version that fails with STOP leaves the old one as it is`() throws {
        var bench = try Bench.twoVersions(3)
        let ids = bench.instances().map(\.id)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(2)))
        #expect(bench.follow(failing: [new]).fewestHealthy >= 3)
        let last = try #require(bench.application("TEST_APP-2")?.lastOperation)
        #expect(last.outcome == .failed)
        #expect(last.reason.hasPrefix("5 starts in a row failed: 0 of 3 of TEST_APP-2 healthy, 3 of TEST_APP-1 still"))
        #expect(last.reason.hasSuffix("last failure: exit 1"))
        #expect(bench.application()?.lastOperation == last)
        bench.converge()
        #expect(bench.instances().map(\.id) == ids)
        #expect(bench.instances("TEST_APP-2").isEmpty)
        #expect(bench.application("TEST_APP-2")?.state == .monitoring)
    }

    @Test func `with STOP each keeps what was reached, and none is missing in sum`() throws {
        var bench = try Bench.twoVersions(3)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        bench.go(to: 1)
        let kept = Set(bench.instances("TEST_APP-2").filter(\.isHealthy).map(\.id))
        #expect(bench.follow(failing: [new], keeping: kept).fewestHealthy >= 3)
        bench.converge()
        #expect(bench.application("TEST_APP-2")?.lastOperation?.outcome == .failed)
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (2, 1))
        #expect(bench.application()?.expected == 2)
        #expect(bench.application("TEST_APP-2")?.expected == 1)
    }

    @Test(arguments: [false, true])
    func `with ROLLBACK the old version comes back before the new one goes, under any leader`(isDeposed: Bool) throws {
        var bench = try Bench.twoVersions(3)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(1, .rollback)))
        bench.go(to: 2)
        let kept = Set(bench.instances("TEST_APP-2").filter(\.isHealthy).map(\.id))
        var watch = bench.follow(failing: [new], keeping: kept) { $0.rollout?.failure != nil }
        #expect(watch.fewestHealthy >= 3)
        #expect(bench.application()?.expected == 3)
        if isDeposed { try bench.failOver(epoch: 2) }
        watch = bench.follow()
        #expect(watch.fewestHealthy >= 3)
        #expect(watch.mostAlive <= 4)
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (3, 0))
        #expect(bench.application("TEST_APP-2")?.expected == 0)
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .rolledBack)
        #expect(last.reason.hasPrefix("rolled back: 5 starts in a row failed: 2 of 3 of TEST_APP-2 healthy"))
        #expect(bench.application("TEST_APP-2")?.lastOperation == last)
    }

    @Test func `an old version that does not come back either takes nothing down`() throws {
        var bench = try Bench.twoVersions(3)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(1, .rollback)))
        bench.go(to: 2)
        let kept = Set((bench.instances() + bench.instances("TEST_APP-2")).filter(\.isHealthy).map(\.id))
        #expect(bench.follow(failing: [old, new], keeping: kept).fewestHealthy >= 3)
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .failed)
        #expect(last.reason.hasPrefix("not rolled back: 5 starts in a row failed: 1 of 3 of TEST_APP-1 healthy"))
        #expect(bench.application()?.expected == 1)
        #expect(bench.application("TEST_APP-2")?.expected == 2)
    }

    @Test(arguments: [1, 3])
    func `after a rollback that fails too both together want what they wanted before, and keep what serves`(
        _ parallelism: Int
    ) throws {
        var bench = try Bench.twoVersions(10)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(parallelism, .rollback)))
        bench.follow { $0.healthy("TEST_APP-2") >= 6 }
        let kept = Set((bench.instances() + bench.instances("TEST_APP-2")).filter(\.isHealthy).map(\.id))
        #expect(bench.follow(failing: [old, new], keeping: kept).fewestHealthy >= 10)
        #expect(bench.application()?.lastOperation?.outcome == .failed)
        let wanted = (bench.application()?.expected ?? 0) + (bench.application("TEST_APP-2")?.expected ?? 0)
        #expect((10...10 + parallelism).contains(wanted))
        bench.converge()
        let there = bench.instances() + bench.instances("TEST_APP-2")
        #expect(there.count == wanted)
        #expect(there.allSatisfy { $0.isHealthy })
    }

    @Test func `an old version that followed a share and does not come back whole keeps a number`() throws {
        var bench = try Bench(executors: 2)
        let share = try CapacityShare(parsing: "25%")
        bench.ask(.createShare(exampleSpec(memoryMB: 16), share, opSpec(8)))
        bench.ask(.create(exampleSpec(version: "2", memoryMB: 16), instances: 0, opSpec()))
        bench.converge()
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(1, .rollback)))
        bench.go(to: 2)
        let kept = Set((bench.instances() + bench.instances("TEST_APP-2")).filter(\.isHealthy).map(\.id))
        bench.follow(failing: [old, new], keeping: kept)
        #expect(bench.application()?.lastOperation?.outcome == .failed)
        #expect((bench.application()?.share, bench.application()?.expected) == (nil, 2))
        #expect(bench.application("TEST_APP-2")?.expected == 2)
    }

    @Test func `a new one that serves only when the time is up takes no old one down, as it is taken back itself`()
        throws
    {
        var bench = try Bench.twoVersions(3)
        let ids = bench.instances().map(\.id)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(1, timeout: 20, .rollback)))
        bench.deliver()
        bench.live(.seconds(59), delivering: false)
        #expect(bench.rollout != nil)
        bench.executors[bench.ids[0]]?.advance(at: bench.now.wall)
        bench.pass(.seconds(2))
        // In one turn it is healthy and the rollout out of time.
        bench.beat()
        #expect(bench.instances().filter(\.isAlive).map(\.id) == ids)
        bench.converge()
        #expect(bench.instances().map(\.id) == ids)
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (3, 0))
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .rolledBack)
        #expect(last.reason.hasPrefix("rolled back: not done within 20 seconds for each of 3 rounds: 1 of 3 of"))
    }

    @Test func `a rollback brings the share back that the old version followed`() throws {
        var bench = try Bench(executors: 2)
        let share = try CapacityShare(parsing: "25%")
        bench.ask(.createShare(exampleSpec(memoryMB: 16), share, opSpec(8)))
        bench.ask(.create(exampleSpec(version: "2", memoryMB: 16), instances: 0, opSpec()))
        bench.converge()
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(1, .rollback)))
        bench.go(to: 1)
        let kept = Set(bench.instances("TEST_APP-2").filter(\.isHealthy).map(\.id))
        bench.follow(failing: [new], keeping: kept)
        bench.converge()
        #expect(bench.application()?.lastOperation?.outcome == .rolledBack)
        #expect((bench.application()?.share, bench.application()?.expected) == (share, 4))
        #expect((bench.application("TEST_APP-2")?.share, bench.application("TEST_APP-2")?.expected) == (nil, 0))
    }

    @Test func `where no room comes it ends with the refusal as the reason, and stops nothing first`() throws {
        var bench = try Bench.twoVersions(2, executors: 2, exampleSpec(version: "2", policy: .onePerHost))
        bench.ask(.rollout(new, from: old, .count(3), opSpec(1, timeout: 20)))
        #expect(bench.follow().fewestHealthy >= 2)
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .failed)
        #expect(last.reason.hasPrefix("not done within 20 seconds for each of 3 rounds: 2 of 3 of TEST_APP-2 healthy"))
        #expect(last.reason.contains("no room: "))
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (1, 2))
    }

    @Test(arguments: ["TEST_APP-1", "TEST_APP-2"])
    func `whichever of the two is cancelled, what is there stays and both say so`(_ id: String) throws {
        var bench = try Bench.twoVersions(3)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        bench.go(to: 1)
        #expect(bench.ask(.cancel(AppID(id))) == .accepted(.application(new)))
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (2, 1))
        #expect(bench.instances("TEST_APP-2").count == 1)
        #expect(bench.application()?.state == .running)
        #expect(bench.application("TEST_APP-2")?.state == .running)
        for app in [bench.application(), bench.application("TEST_APP-2")] {
            #expect(app?.lastOperation?.outcome == .cancelled)
            #expect(app?.lastOperation?.reason == "cancelled by a user: TEST_APP-2 keeps 1, TEST_APP-1 keeps 2")
        }
    }
}
