import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Logging
import Testing

/// Events and audit records follow the leader from one controller to the next.
@Suite(.timeLimit(.minutes(3))) struct HistoryTests {
    /// Two controllers that reach each other; `first` leads.
    private struct Two: Sendable {
        let first: Controller
        let second: Controller
        let (firstLog, secondLog): (AuditStore, AuditStore)
        let ballot: Ballot
        let line: ControllerLine
        let store: MemoryStore

        /// The other one has all that the leader has.
        func untilRead() async throws {
            try await eventually("all events are read") {
                try HistoryTests.events(first) == HistoryTests.events(second)
            }
            try await eventually("something is noted") { try await !HistoryTests.records(secondLog).isEmpty }
            try await untilAlike()
        }

        func untilAlike() async throws {
            try await eventually("both have the same audit log") {
                try await HistoryTests.records(firstLog) == HistoryTests.records(secondLog)
            }
        }

        func handOver() async throws {
            let answer = await first.post("cluster/controllers/hand-over?to=ctrl2:10000", "", type: nil)
            #expect(answer.status == 200)
            try await untilSecondLeads()
        }

        func untilSecondLeads() async throws {
            try await eventually("the other one leads") { await second.get("ping").status == 200 }
        }
    }

    private static func withTwo(
        callers: CallerRig = CallerRig(),
        _ body: @escaping @Sendable (Two) async throws -> Void
    ) async throws {
        let (store, line) = (MemoryStore(), ControllerLine())
        let ballot = Ballot(of: store)
        let (firstLog, secondLog) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        // Time passes for listeners every 50 ms.
        var events = EventLimits()
        events.keepAlive = .milliseconds(150)
        let limits = events
        try await withController(
            store: store,
            leadership: ballot.seat("ctrl1:10000"),
            audit: firstLog,
            line: line,
            events: limits,
            callers: callers
        ) { first in
            let second = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                audit: secondLog,
                line: line,
                events: limits,
                callers: callers
            )
            try await withRunning(second) {
                try await eventually("the other one stands by") { ballot.waiting == 1 }
                try await body(
                    Two(
                        first: first,
                        second: second,
                        firstLog: firstLog,
                        secondLog: secondLog,
                        ballot: ballot,
                        line: line,
                        store: store
                    )
                )
            }
        }
    }

    // MARK: what there is

    /// The oldest first, as the API lists them.
    private static func events(_ controller: Controller) throws -> [JSON] {
        try controller.events.latest(after: 0, atMost: 1_000).events.reversed()
    }

    private static func types(_ events: some Sequence<JSON>) -> [String?] { events.map { $0["type"]?.text } }

    /// In the order of their sequences.
    private static func records(_ log: AuditStore, _ action: String? = nil) async throws -> [JSON] {
        var query = AuditQuery(size: 1_000)
        (query.after, query.action) = ([0], action)
        return try await log.page(query).records.reversed()
    }

    /// What a stream tells within a second or so to whoever has had an event.
    private static func stream(_ controller: Controller, behind id: String) async throws -> String {
        let call = APICall("GET", "/apis/v1/cluster/events/stream?timeout=1", lastEventID: id)
        let file = try #require(await controller.api.answer(call).file)
        var text = ""
        for try await piece in file.pieces { text += String(decoding: piece, as: UTF8.self) }
        return text
    }

    private static func gaps(_ stream: String) -> [Substring] {
        let frames = stream.split(separator: "\n\n").filter { $0.contains("event: gap") }
        return frames.compactMap { $0.split(separator: "data: ").last }
    }

    private static func ids(_ stream: String) -> [Substring] {
        let frames = stream.split(separator: "\n\n").filter { $0.contains("event: ") && !$0.contains("event: gap") }
        return frames.compactMap { $0.split(separator: "\n").first?.dropFirst(4) }
    }

    // MARK: in order

    @Test func `after a hand-over events go on: same ids, times that rise, and no gap for whoever comes again`()
        async throws
    {
        try await Self.withTwo { two in
            _ = await two.first.inbox.submit(fullReport())
            _ = await two.first.inbox.submit(.application(create(instances: 1)))
            try await eventually("it is told that it is healthy") { try Self.events(two.first).count == 5 }
            let before = try Self.events(two.first)
            try await two.handOver()
            let after = try Self.events(two.second)
            #expect(Array(after.prefix(before.count)) == before)
            let types = Self.types(after.dropFirst(before.count))
            #expect(types.prefix(2) == ["LEADERSHIP_LOST", "LEADERSHIP_ACQUIRED"])
            let times = try after.map { try $0.integer("time") }
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
            let stream = try await Self.stream(two.second, behind: "1-\(before.count)")
            #expect(Self.gaps(stream) == [])
            #expect(Self.ids(stream).prefix(2) == ["1-\(before.count + 1)", "2-1"])
            let all = try await Self.stream(two.second, behind: "1-0")
            #expect(Self.gaps(all) == [] && Self.ids(all).first == "1-1")
        }
    }

    @Test func `after a hand-over the audit log goes on: same sequences, and what comes is behind all there was`()
        async throws
    {
        try await Self.withTwo { two in
            _ = await two.first.post("cluster/maintenance/set", "", type: nil)
            _ = await two.first.post("cluster/maintenance/unset", "", type: nil)
            let before = try await Self.records(two.firstLog)
            let last = try #require(before.last).integer("sequence")
            try await two.handOver()
            try await eventually("it has said that it leads") {
                try await Self.records(two.secondLog, "LEADERSHIP_ACQUIRED").count == 2
            }
            let after = try await Self.records(two.secondLog)
            #expect(Array(after.prefix(before.count)) == before)
            try await eventually("what came since is there, in its order") {
                let answer = await two.second.get("cluster/audit?after=\(last)").json?["data"]
                let news = try #require(answer).array("records").reversed().map { $0["action"]?.text }
                return news == ["LEADERSHIP_HAND_OVER", "LEADERSHIP_LOST", "LEADERSHIP_ACQUIRED"]
            }
            try await two.untilAlike()
        }
    }

    @Test func `a leader that makes way waits a second at most for one that does not read`() async throws {
        try await Self.withTwo { two in
            try await two.untilRead()
            two.line.cut("ctrl1")
            let start = ContinuousClock.now
            try await two.handOver()
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func `a leader that raises its epoch above one that an executor has obeyed tells of no gap`() async throws {
        try await Self.withTwo { two in
            _ = await two.first.inbox.submit(fullReport(fence: Fence(epoch: 41, sequence: 3)))
            try await eventually("it leads with a greater one") {
                try Self.types(Self.events(two.first)).count { $0 == "LEADERSHIP_ACQUIRED" } == 2
            }
            let stream = try await Self.stream(two.first, behind: "1-1")
            #expect(Self.gaps(stream) == [])
            #expect(Self.ids(stream).contains("42-1"))
            try await two.untilRead()
        }
    }

    // MARK: killed

    /// The leader tells something that nobody reads, and is replaced; what the other one had read before that.
    private static func killedLeader(_ two: Two) async throws -> [JSON] {
        try await two.untilRead()
        let read = try Self.events(two.second)
        two.line.cut("ctrl1")
        _ = await two.first.post("cluster/maintenance/set", "", type: nil)
        two.ballot.depose()
        try await two.untilSecondLeads()
        return read
    }

    @Test func `what a killed leader told last is a gap behind what was read, told once`() async throws {
        try await Self.withTwo { two in
            let read = try await Self.killedLeader(two).count
            for had in [read - 1, read] {
                let stream = try await Self.stream(two.second, behind: "1-\(had)")
                #expect(Self.gaps(stream) == [#"{"after":"1-\#(read)","before":"2-1"}"#])
                #expect(Self.ids(stream).contains("1-\(read)") == (had < read))
            }
            let more = try await Self.stream(two.second, behind: "1-\(read + 1)")
            #expect(Self.gaps(more).count == 1, "what only the listener has had, it alone knows")
            #expect(try await Self.gaps(Self.stream(two.second, behind: "2-0")) == [])
        }
    }

    @Test func `what a killed leader noted last comes with it when it stands by again, once and in its place`()
        async throws
    {
        try await Self.withTwo { two in
            _ = try await Self.killedLeader(two)
            #expect(try await Self.records(two.secondLog, "MAINTENANCE_SET").isEmpty)
            let noted = try await Self.records(two.firstLog, "MAINTENANCE_SET")
            #expect(noted.count == 1)
            two.line.mend("ctrl1")
            try await eventually("the leader has it") {
                try await Self.records(two.secondLog, "MAINTENANCE_SET") == noted
            }
            try await eventually("the takeover is noted") {
                try await Self.records(two.secondLog, "LEADERSHIP_ACQUIRED").count == 2
            }
            try await two.untilAlike()
            let all = try await Self.records(two.secondLog)
            let sequences = try all.map { try $0.integer("sequence") }
            #expect(Set(sequences).count == all.count)
            let actions = all.map { $0["action"]?.text }
            let set = try #require(actions.firstIndex(of: "MAINTENANCE_SET"))
            let acquired = try #require(actions.lastIndex(of: "LEADERSHIP_ACQUIRED"))
            #expect(set < acquired, "it was noted under the leadership before")
        }
    }

    @Test func `whoever follows the audit log is told of what a killed leader noted last, once`() async throws {
        try await Self.withTwo { two in
            _ = try await Self.killedLeader(two)
            func records(after ends: [Int64]) async throws -> (actions: [String?], ends: [Int64]) {
                let query = ends.map { "&after=\($0)" }.joined()
                let answer = await two.second.get("cluster/audit?action=MAINTENANCE_SET\(query)").json?["data"]
                let page = try #require(answer)
                let actions = try page.array("records").map { $0["action"]?.text }
                return (actions, try page.integers("ends").map { Int64($0) })
            }
            let (before, ends) = try await records(after: [])
            #expect(before == [])
            two.line.mend("ctrl1")
            try await eventually("it is told of") { try await records(after: ends).actions == ["MAINTENANCE_SET"] }
            let next = try await records(after: ends).ends
            #expect(try await records(after: next).actions == [])
        }
    }

    @Test func `one that comes later has all of it, what came late too, and leads on with it`() async throws {
        try await Self.withTwo { two in
            _ = try await Self.killedLeader(two)
            let log = try await AuditStore.inMemory()
            let third = try await standingBy(
                store: two.store,
                leadership: two.ballot.seat("ctrl3:10000"),
                hostname: "ctrl3",
                audit: log,
                line: two.line
            )
            try await withRunning(third) {
                try await eventually("it stands by") { two.ballot.waiting == 2 }
                try await eventually("it has read all events") {
                    try Self.events(third) == Self.events(two.second)
                }
                two.line.mend("ctrl1")
                try await eventually("the record that came late is there") {
                    try await Self.records(log, "MAINTENANCE_SET").count == 1
                }
                try await eventually("all three are alike") {
                    let known = [try await Self.records(two.firstLog), try await Self.records(two.secondLog)]
                    let own = try await Self.records(log)
                    return known == [own, own]
                }
                let read = try Self.events(third)
                two.ballot.depose()
                // The one that stood by longer comes first.
                try await eventually("another leads") { two.ballot.won == 3 }
                two.ballot.depose()
                try await eventually("it leads") { await third.get("ping").status == 200 }
                #expect(try Array(Self.events(third).prefix(read.count)) == read)
            }
        }
    }

    // MARK: what others note, and do not hand out

    @Test func `whom a standby turns away is in the log of all, once`() async throws {
        var rig = CallerRig.roles
        rig.secrets = [CallerRig.secret]
        try await Self.withTwo(callers: rig) { two in
            let answer = await two.second.call("POST", "operations", CallerRig.basic("root", "wrong"), body: "{}")
            #expect(answer.status == 401)
            try await eventually("the leader has it") {
                try await Self.records(two.firstLog, "CHANGE_DENIED").count == 1
            }
            try await two.untilAlike()
            #expect(try await two.secondLog.notes().isEmpty)
            two.ballot.depose()
            try await eventually("the other one leads") {
                await two.second.call("GET", "ping", CallerRig.basic("root")).status == 200
            }
            try await two.untilAlike()
            #expect(try await Self.records(two.secondLog, "CHANGE_DENIED").count == 1)
        }
    }

    @Test func `behind a leader of an earlier version the history begins anew, and one line says so`() async throws {
        let told = Recorder<String>()
        var rig = CallerRig()
        rig.logger = Logger(label: "test") { _ in Listening(to: told) }
        let line = ControllerLine()
        line.cut("ctrl1", .status(404, ""))
        let (store, callers) = (MemoryStore(), rig)
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), line: line) { first in
            let second = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                line: line,
                callers: callers
            )
            try await withRunning(second) {
                try await eventually("it has asked again") { line.asked > 3 }
                ballot.depose()
                try await eventually("it leads") { await second.get("ping").status == 200 }
                #expect(try Self.types(Self.events(second)).first == "LEADERSHIP_ACQUIRED")
                #expect(told.all.count { $0.contains("hands out no history") } == 1)
            }
        }
    }
}
