import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// Many that fall silent together are given up later than one alone, and who comes back keeps what is better.
@Suite struct BrakeTests {
    private func presence(_ bench: Bench, _ id: ExecutorID) -> Member.Presence? {
        bench.turn.committed.members[id]?.presence
    }

    @Test func `three of ten that fall silent together are given up a minute later, and the state says so`() throws {
        var bench = try Bench(executors: 10)
        bench.create(instances: 10)
        bench.converge()
        let (gone, left) = (Array(bench.ids[..<3]), Array(bench.ids[3...]))
        bench.live(.seconds(60), beating: left)
        #expect(gone.allSatisfy { presence(bench, $0) == .silent })
        #expect(bench.turn.committed.heldLosses.map(\.id) == gone)
        #expect(bench.notes.count { $0.contains("3 executors fell silent together") } == 1)
        #expect(bench.instances().count == 10)
        bench.live(.seconds(12), beating: left)
        #expect(gone.allSatisfy { bench.turn.committed.members[$0]?.isLost == true })
        #expect(bench.turn.committed.heldLosses.isEmpty)
        bench.converge()
        #expect(bench.healthy() == 10)
    }

    @Test func `a single machine is never held, not even while others are`() throws {
        var bench = try Bench(executors: 10)
        let (gone, left) = (Array(bench.ids[..<3]), Array(bench.ids[3...]))
        bench.live(.seconds(30), beating: left)
        bench.live(.seconds(11), beating: Array(left.dropFirst()))
        #expect(bench.turn.committed.members[left[0]]?.isLost == true)
        #expect(gone.allSatisfy { presence(bench, $0) == .silent })
    }

    @Test(arguments: [(2, 4), (3, 20)])
    func `two are not many, and three are not of twenty`(silent: Int, of count: Int) throws {
        var bench = try Bench(executors: count)
        let gone = Array(bench.ids[..<silent])
        bench.live(.seconds(11), beating: Array(bench.ids[silent...]))
        #expect(gone.allSatisfy { bench.turn.committed.members[$0]?.isLost == true })
    }

    @Test func `a whole zone of three is held, however many members there are; a part of one is not`() throws {
        for isWhole in [true, false] {
            var bench = try Bench(executors: 0)
            for number in 0..<20 {
                var executor = TestExecutor(number: number, cores: 4, memoryMB: 4096)
                executor.description.zone = number < (isWhole ? 3 : 4) ? "east" : "west"
                bench.executors[executor.identity.id] = executor
            }
            bench.beat()
            bench.beat()
            let gone = (0..<3).map { ExecutorID("executor-\($0)") }
            bench.live(.seconds(11), beating: bench.ids.filter { !gone.contains($0) })
            #expect(gone.allSatisfy { (bench.turn.committed.members[$0]?.isLost == true) == !isWhole })
        }
    }

    @Test func `those that were lost before do not count`() throws {
        var bench = try Bench(executors: 8)
        let ids = bench.ids
        bench.live(.seconds(11), beating: Array(ids.dropFirst(1)))
        bench.live(.seconds(30), beating: Array(ids.dropFirst(1)))
        bench.live(.seconds(11), beating: Array(ids.dropFirst(3)))
        #expect(ids.prefix(3).allSatisfy { bench.turn.committed.members[$0]?.isLost == true })
    }

    @Test func `whoever is heard again in time has lost nothing, its tasks included`() throws {
        var bench = try Bench(executors: 4)
        bench.create(instances: 4)
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        let before = bench.instances().map(\.id)
        bench.live(.seconds(40), beating: [bench.ids[0]])
        bench.live(.seconds(5))
        #expect(bench.instances().map(\.id) == before)
        #expect(bench.task()?.end == nil)
        #expect(bench.turn.committed.heldLosses.isEmpty)
    }

    @Test func `a loss is committed: a new leader keeps it, and clears it when the member is heard`() throws {
        var bench = try Bench(executors: 2)
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.live(.seconds(11), beating: [first])
        guard case .lost(let since) = presence(bench, second) else {
            Issue.record("not lost")
            return
        }
        try bench.failOver(epoch: 2)
        #expect(presence(bench, second) == .lost(since: since))
        bench.beat()
        bench.beat()
        #expect(presence(bench, second) == .present)
        try bench.failOver(epoch: 3)
        #expect(presence(bench, second) == .joining)
    }

    @Test func `of healthy instances that are too many after a return the older stays, while scaling down takes it`()
        throws
    {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let older = bench.instances().map(\.id)
        let first = bench.ids[0]
        bench.live(.seconds(12), beating: [first])
        bench.converge()
        #expect(bench.turn.committed.members.values.allSatisfy { $0.presence == .present })
        #expect(bench.instances().map(\.id) == older)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.converge()
        #expect(bench.instances().count == 1)
        #expect(bench.instances().first?.id != older[0])
    }

    @Test func `of those that are too many after a return the healthy one stays, be it younger`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        bench.converge()
        let older = try #require(bench.instances().first)
        let away = older.executor
        let other = try #require(bench.ids.first { $0 != away })
        bench.live(.seconds(12), beating: [other])
        for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
        bench.executors[away]?.set(older.id, .unready, at: bench.now.wall)
        bench.executors[away]?.failing = [older.id]
        bench.beat([other])
        #expect(bench.healthy() == 1)
        bench.converge()
        #expect(bench.instances().map(\.executor) == [other])
        #expect(bench.healthy() == 1)
    }
}
