import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// Who may not be heard is refused with the reason, and told once in a while.
@Suite struct RefusedTests {
    /// What an executor that is none of the bench's says, and the answer.
    @discardableResult
    private func say(
        _ bench: inout Bench,
        _ number: Int,
        isListed: Bool = true,
        from source: String? = nil,
        _ change: (inout NodeIdentity) -> Void = { _ in }
    ) throws -> ReportAnswer {
        var executor = TestExecutor(number: number, cores: 4, memoryMB: 4096)
        change(&executor.identity)
        bench.take(.report(900, executor.report(), isListed: isListed, source: source))
        return try #require(bench.replies[900])
    }

    private func kinds(_ bench: Bench) -> [String] {
        bench.decided(.executorRefused).compactMap { $0.detail?["kind"]?.text }
    }

    @Test func `another key under a live id is refused and told, and taken once that one is given up`() throws {
        var bench = try Bench(executors: 1)
        let answer = try say(&bench, 0) { $0.key = NodeKey("another") }
        #expect(answer.verdict == .refused)
        #expect(answer.reason.contains("is another machine than the member host-0:11000"))
        let told = try #require(bench.decided(.executorRefused).first)
        #expect(told.subject == AuditSubject(bench.ids[0]) && told.cause == answer.reason)
        #expect(told.detail == ["kind": "OTHER_KEY", "hostname": "host-0", "port": 11_000])
        bench.live(.seconds(12), beating: [])
        #expect(try say(&bench, 0) { $0.key = NodeKey("another") }.verdict == .applied)
        #expect(bench.causes(.executorReplaced).count == 1)
    }

    @Test func `what is refused again and again is told once an hour`() throws {
        var bench = try Bench(executors: 1)
        for _ in 0..<10 { try say(&bench, 1) { $0.cluster = ClusterID("other") } }
        #expect(kinds(bench) == ["WRONG_CLUSTER"])
        bench.pass(.seconds(3_590))
        try say(&bench, 1) { $0.cluster = ClusterID("other") }
        #expect(kinds(bench).count == 1)
        bench.pass(.seconds(10))
        try say(&bench, 1) { $0.cluster = ClusterID("other") }
        #expect(kinds(bench).count == 2)
        #expect(bench.turn.engine.tally.counts[.reportRefused(.wrongCluster)] == 12)
    }

    @Test func `a state directory that was copied to another machine is refused while the first is there`() throws {
        var bench = try Bench(executors: 1)
        let copied = try #require(bench.executors[bench.ids[0]]?.identity.key)
        let answer = try say(&bench, 1) { $0.key = copied }
        #expect(answer.verdict == .refused)
        #expect(answer.reason.contains("has the key of the member host-0:11000"))
        #expect(kinds(bench) == ["COPIED_KEY"])
        #expect(bench.turn.committed.members.count == 1)
        // The same machine by another name: the old one is heard no more.
        bench.live(.seconds(12), beating: [])
        #expect(try say(&bench, 1) { $0.key = copied }.verdict == .applied)
        // If it was a copy all the same, the first one comes back: one of the two has to go.
        let back = try say(&bench, 0)
        #expect(back.verdict == .refused && back.reason.contains("has the key of the member host-1:11000"))
        #expect(bench.turn.committed.members[bench.ids[0]]?.isLost == true)
    }

    @Test func `an older state directory put back is refused, and taken as a new member once the newer is given up`()
        throws
    {
        var bench = try Bench(executors: 1)
        let id = bench.ids[0]
        bench.executors[id]?.restart()
        bench.executors[id]?.restart()
        bench.beat()
        // While the newer run is heard it is a report that came late.
        #expect(try say(&bench, 0).verdict == .stale)
        bench.live(.seconds(7), beating: [])
        let answer = try say(&bench, 0)
        #expect(answer.verdict == .refused)
        #expect(answer.reason.contains("has an older state directory than it had (this is its run 1, 3 was heard)"))
        #expect(kinds(bench) == ["OLDER_STATE"])
        bench.live(.seconds(5), beating: [])
        #expect(bench.turn.committed.members[id]?.isLost == true)
        #expect(try say(&bench, 0).verdict == .applied)
        #expect(bench.turn.committed.members[id]?.incarnation == 1)
    }

    @Test func `an earlier run that goes on beside the later one is told what to do, and from where it came`() throws {
        var bench = try Bench(executors: 1)
        let id = bench.ids[0]
        bench.executors[id]?.restart()
        bench.beat()
        for _ in 0..<5 {
            let answer = try say(&bench, 0, from: "10.0.0.9")
            #expect(answer.verdict == .stale && answer.reason.isEmpty, "it may have come late")
            bench.live(.seconds(2))
        }
        let answer = try say(&bench, 0, from: "10.0.0.9")
        #expect(answer.verdict == .stale)
        #expect(answer.reason.contains("runs twice: its run 1 goes on beside its run 2"))
        let told = try #require(bench.decided(.executorRefused).first)
        #expect(told.detail == ["kind": "RUNS_TWICE", "hostname": "host-0", "port": 11_000, "source": "10.0.0.9"])
        for _ in 0..<20 {
            bench.live(.seconds(2))
            #expect(try !say(&bench, 0, from: "10.0.0.9").reason.isEmpty)
        }
        #expect(kinds(bench) == ["RUNS_TWICE"], "once an hour")
        #expect(bench.turn.committed.members[id]?.incarnation == 2)
        // One that comes late after a while is no second one.
        bench.live(.seconds(30))
        #expect(try say(&bench, 0).reason.isEmpty)
    }

    @Test func `one that is not on the list may not join, and joins once it is`() throws {
        var bench = try Bench(executors: 1)
        let answer = try say(&bench, 1, isListed: false)
        #expect(answer.verdict == .refused)
        #expect(
            answer.reason
                == "executor executor-1 at host-1:11000 is not on the list of those that may join: add host-1 or "
                + "host-1:11000 to the file of the controllers' --admission"
        )
        #expect(kinds(bench) == ["NOT_LISTED"])
        #expect(bench.turn.committed.members.count == 1)
        #expect(try say(&bench, 1).verdict == .applied)
    }

    @Test func `a member stays one when it is taken off the list, whatever becomes of it; another machine is not it`()
        throws
    {
        var bench = try Bench(executors: 1)
        #expect(try say(&bench, 0, isListed: false).verdict == .applied)
        #expect(try say(&bench, 0, isListed: false) { $0.incarnation = 2 }.verdict == .applied)
        bench.live(.seconds(12), beating: [])
        #expect(try say(&bench, 0, isListed: false) { $0.incarnation = 2 }.verdict == .applied)
        bench.live(.seconds(12), beating: [])
        let other = try say(&bench, 0, isListed: false) { $0.key = NodeKey("another") }
        #expect(other.verdict == .refused && other.reason.contains("is not on the list"))
        #expect(bench.turn.committed.members[bench.ids[0]]?.key == NodeKey("key-0"))
    }

    @Test func `one that was retired may not join in the same run, and that is told too`() throws {
        var bench = try Bench(executors: 2)
        bench.order(.retire, [bench.ids[0]])
        #expect(try say(&bench, 0).verdict == .refused)
        #expect(kinds(bench) == ["RETIRED"])
    }
}
