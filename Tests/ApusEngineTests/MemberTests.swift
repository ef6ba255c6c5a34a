import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

@Suite struct MemberTests {
    @Test func `a silent executor gets no new work, a lost one's work is placed elsewhere`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.live(.seconds(7), beating: [first])
        #expect(bench.turn.committed.members[second]?.presence == .silent)
        #expect(bench.healthy() == 2)
        bench.live(.seconds(4), beating: [first])
        #expect(bench.turn.committed.members[second]?.isLost == true)
        #expect(bench.instances().allSatisfy { $0.executor == first })
        #expect(bench.instances().count == 2)
        let ended = bench.turn.committed.endedInstances(of: AppID("TEST_APP-1"))
        #expect(ended.map(\.state) == [.lost])
        #expect(ended.first?.error == "Instance lost: executor host-1 is not heard")
    }

    @Test func `a lost executor that comes back keeps its count: the surplus gets an explicit stop`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.live(.seconds(12), beating: [first])
        bench.converge()
        #expect(bench.turn.committed.members[second]?.presence == .present)
        #expect(bench.healthy() == 2)
        #expect(bench.instances().count == 2)
    }

    @Test func `another machine under a live id is refused, under a lost id admitted`() throws {
        var bench = try Bench(executors: 1)
        var impostor = try #require(bench.executors[bench.ids[0]])
        impostor.identity.key = NodeKey("another")
        impostor.base = 0
        bench.take(.report(900, impostor.report()))
        #expect(bench.replies[900]?.verdict == .refused)
        bench.live(.seconds(12), beating: [])
        bench.take(.report(901, impostor.report()))
        #expect(bench.replies[901]?.verdict == .applied)
        #expect(bench.turn.committed.members[impostor.identity.id]?.key == NodeKey("another"))
    }

    @Test func `an executor that comes back with TLS is called with TLS, also by the next leader`() throws {
        var bench = try Bench(executors: 1)
        let id = bench.ids[0]
        #expect(bench.turn.committed.members[id]?.transport == .http)
        bench.executors[id]?.identity.transport = .https
        bench.executors[id]?.restart()
        bench.live(.seconds(3))
        #expect(bench.turn.committed.members[id]?.transport == .https)
        try bench.failOver(epoch: 2)
        #expect(bench.turn.committed.members[id]?.transport == .https)
    }

    @Test func `a pause of the leader is no member's silence`() throws {
        var bench = try Bench(executors: 2)
        bench.pass(.seconds(60))
        bench.take(.tick)
        #expect(bench.turn.committed.members.allSatisfy { $0.value.presence == .present })
    }

    @Test func `reports out of order and repeated ones change nothing`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.deliver()
        let early = try #require(bench.executors[bench.ids[0]]?.report())
        bench.converge()
        #expect(bench.healthy() == 1)
        bench.take(.report(900, early))
        #expect(bench.replies[900]?.verdict == .stale)
        #expect(bench.healthy() == 1)
    }

    @Test func `a restarted executor that still has its instances keeps them`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let before = bench.instances().map(\.id)
        bench.executors[bench.ids[0]]?.restart()
        bench.converge()
        #expect(bench.instances().map(\.id) == before)
        #expect(bench.healthy() == 2)
    }

    @Test(arguments: [false, true])
    func `of what is looked at again after a restart, the ill one goes and the well one stays`(
        leaderToo: Bool
    ) throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let (ill, well) = (bench.instances()[0].id, bench.instances()[1].id)
        let executor = bench.ids[0]
        bench.executors[executor]?.set(ill, .unhealthy, error: "health check failed", at: bench.now.wall)
        bench.beat()
        // Its replacement is committed; then all begin anew, and what is known is told as UNKNOWN, then UNREADY.
        #expect(bench.instances().count == 3)
        if leaderToo { try bench.failOver(epoch: 2) }
        bench.executors[executor]?.restart()
        for state in [InstanceState.unknown, .unready] {
            for id in [ill, well] { bench.executors[executor]?.set(id, state, at: bench.now.wall) }
            bench.beat()
            bench.beat()
            bench.take(.tick)
        }
        bench.converge()
        bench.converge()
        #expect(bench.instances().count == 2)
        #expect(bench.instances().contains { $0.id == well })
        #expect(!bench.instances().contains { $0.id == ill })
    }

    @Test func `a service on an executor that is heard but takes nothing starts elsewhere`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        let first = try #require(bench.sent.first?.executor)
        bench.live(.seconds(20), failing: [first])
        for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
        bench.beat()
        #expect(bench.instances().filter(\.isHealthy).map(\.executor) == bench.ids.filter { $0 != first })
        #expect(bench.notes.contains { $0.contains("does not take commands: connection refused") })
        // Reached again, it takes the STOP of what it never had, and new work.
        bench.live(.seconds(3), delivering: false)
        let stop = try #require(bench.sent.last)
        #expect(stop.executor == first && stop.order == .stop(stop.instance, .lost))
        bench.take(.answered(first, stop, .accepted(nil)))
        #expect(bench.instances().count == 1)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 9, .standard))
        bench.converge()
        bench.converge()
        #expect(bench.healthy() == 9)
    }

    @Test func `a START that never left, for want of a file, does not tell that its executor takes commands`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        let start = try #require(bench.sent.first)
        bench.live(.seconds(20), failing: [start.executor])
        #expect(bench.turn.committed.members[start.executor]?.unreachable != nil)
        let answer = CommandAnswer.refused(.configUnavailable, reason: "configuration file /etc/a: answered 404")
        bench.take(.answered(start.executor, start, answer))
        #expect(bench.turn.committed.members[start.executor]?.unreachable != nil)
        bench.take(.answered(start.executor, start, .refused(.staleFence, reason: "late")))
        #expect(bench.turn.committed.members[start.executor]?.unreachable == nil)
    }

    @Test func `warnings are noted when the first comes and when the last is gone, not as their counts rise`() throws {
        var bench = try Bench()
        let before = bench.notes.count
        for count in 1...5 {
            bench.executors[bench.ids[0]]?.warnings = ["the output of \(count) containers cannot be written now"]
            bench.beat()
        }
        #expect(bench.notes.dropFirst(before).count == 1, "\(bench.notes)")
        #expect(bench.notes.last?.hasSuffix("the output of 1 containers cannot be written now") == true)
        let shown = bench.turn.committed.members[bench.ids[0]]?.warnings
        #expect(shown == ["the output of 5 containers cannot be written now"])
        bench.executors[bench.ids[0]]?.warnings = []
        bench.beat()
        #expect(bench.notes.dropFirst(before).count == 2, "\(bench.notes)")
        #expect(bench.notes.last?.hasSuffix("has no warnings left") == true)
    }

    @Test func `long errors never make a record that no store takes`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        let executor = bench.ids[0]
        for _ in 0..<60 {
            bench.live(.seconds(61))
            for id in bench.executors[executor]?.instances.keys.sorted() ?? [] {
                let text = String(repeating: "é", count: 20_000)
                bench.executors[executor]?.set(id, .stopped, error: text, cause: .refused, at: bench.now.wall)
            }
            bench.beat()
        }
        let sizes = bench.store.values.map(\.count)
        #expect(bench.turn.committed.endedInstances(of: AppID("TEST_APP-1")).count > 50)
        #expect(sizes.allSatisfy { $0 < 64 << 10 }, "\(sizes)")
    }

    @Test func `an executor that forgot its instances gets new ones`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let before = Set(bench.instances().map(\.id))
        bench.executors[bench.ids[0]]?.restart(knowing: false)
        bench.converge()
        bench.live(.seconds(5))
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(before.isDisjoint(with: bench.instances().map(\.id)))
    }

    @Test func `a container of an unknown application is stopped, of a known one adopted`() throws {
        var bench = try Bench()
        let stray = InstanceReport(
            id: InstanceID("AI-stray"),
            owner: .application(AppID("TEST_APP-1")),
            appName: "TEST_APP",
            state: .healthy,
            allocation: ResourceAllocation(numaNode: 0, cores: [3], memoryMB: 128),
            ports: [],
            error: "",
            cause: nil,
            created: bench.now.wall,
            updated: bench.now.wall,
            revision: 5
        )
        bench.executors[bench.ids[0]]?.revision = 5
        bench.executors[bench.ids[0]]?.instances[stray.id] = stray
        bench.beat()
        bench.create(instances: 1)
        #expect(bench.instances().map(\.id) == [stray.id])
        #expect(bench.healthy() == 1)

        var other = stray
        other.id = InstanceID("AI-other")
        other.owner = .application(AppID("GONE-1"))
        other.revision = 9
        bench.executors[bench.ids[0]]?.revision = 9
        bench.executors[bench.ids[0]]?.instances[other.id] = other
        bench.live(.seconds(11), delivering: false)
        #expect(bench.sent.contains { $0.order == .stop(other.id, .unknown) })
    }
}
