import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// A member's record has the states that it was in, also once it is gone.
@Suite struct MemberHistoryTests {
    private func history(_ bench: Bench, _ id: ExecutorID) -> [MemberHistory.Entry] {
        bench.turn.committed.members[id]?.history.entries ?? []
    }

    @Test func `the states of an executor are kept with their times and reasons, and a new leader knows them`() throws {
        var bench = try Bench(executors: 2)
        let id = bench.ids[0]
        bench.executors[id]?.faults = [Trouble(.engine, "no engine")]
        bench.live(.seconds(1))
        bench.executors[id]?.faults = []
        bench.live(.seconds(1))
        bench.order(.blacklist, [id])
        bench.order(.unblacklist, [id])
        bench.live(.seconds(12), beating: [bench.ids[1]])
        let states = history(bench, id).map(\.state)
        #expect(states == [.joining, .active, .suspended, .active, .blacklisted, .active, .silent, .lost])
        let suspended = history(bench, id)[2]
        #expect((suspended.reason, suspended.channels) == ("no engine", [.engine]))
        let lost = try #require(history(bench, id).last)
        #expect(lost.reason == "it was not heard for 10 s" && lost.channels == [.data])
        #expect(history(bench, id).map(\.at) == history(bench, id).map(\.at).sorted())
        let (before, seen) = (history(bench, id), bench.turn.committed.members[id]?.heardAt)
        try bench.failOver(epoch: 2)
        #expect(history(bench, id) == before)
        #expect(bench.turn.committed.members[id]?.heardAt == seen, "when it was last seen")
    }

    @Test func `heartbeats, and a new leader, write nothing`() throws {
        var bench = try Bench(executors: 2)
        bench.live(.seconds(30))
        let before = bench.ids.map { bench.store[RecordKey(.member, $0.rawValue)] }
        bench.live(.seconds(60))
        #expect(bench.ids.map { bench.store[RecordKey(.member, $0.rawValue)] } == before)
        try bench.failOver(epoch: 2)
        bench.live(.seconds(30))
        #expect(bench.ids.map { bench.store[RecordKey(.member, $0.rawValue)] } == before)
    }

    @Test func `an executor that comes and goes for ever has a short record`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        for number in 0..<60 {
            bench.executors[id]?.faults = [Trouble(.storage, String(repeating: "é", count: 1_000 + number))]
            bench.beat()
            bench.executors[id]?.faults = []
            bench.executors[id]?.restart()
            bench.beat()
        }
        #expect(history(bench, id).count == MemberHistory.most)
        #expect(history(bench, id).allSatisfy { $0.reason.utf8.count <= MemberHistory.longestReason })
        #expect(bench.store[RecordKey(.member, id.rawValue)]?.count ?? .max < 16 << 10)
    }

    @Test func `a restart shows, and another machine goes on with the history of the one before it`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        bench.executors[id]?.restart()
        bench.beat()
        #expect(history(bench, id).map(\.state) == [.joining, .active, .joining, .active])
        #expect(history(bench, id)[2].reason == "its process was started again")
        bench.live(.seconds(12), beating: [])
        bench.executors[id]?.identity.key = NodeKey("another")
        bench.executors[id]?.restart(knowing: false)
        bench.beat()
        #expect(history(bench, id).suffix(3).map(\.state) == [.lost, .joining, .active])
    }

    @Test func `a record of before there were histories is read, and gets one`() throws {
        var bench = try Bench()
        let (id, key) = (bench.ids[0], RecordKey(.member, bench.ids[0].rawValue))
        guard case .object(let members) = try JSON(parsing: try #require(bench.store[key])) else {
            Issue.record("no record")
            return
        }
        bench.store[key] = JSON.object(members.filter { $0.key != "history" && $0.key != "heard" }).bytes
        try bench.failOver(epoch: 2)
        #expect(history(bench, id).isEmpty)
        bench.beat()
        bench.beat()
        #expect(history(bench, id).map(\.state) == [.active])
    }
}
