import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// What controllers of version 7 told each other, under `Tests/Golden/7/messages`: one of today reads all of it, and tells
/// no less.
@Suite(.timeLimit(.minutes(2))) struct GoldenControllerTests {
    private static let (first, second) = ("ctrl1:10000", "ctrl2:10000")

    private static func golden(_ name: String) throws -> JSON { try goldenMessage("7/messages/\(name)") }

    // MARK: reading

    /// Runs a controller of today beside a leader of version 7, which leads until it is deposed.
    private static func withLeaderOfVersion7(
        _ body: @escaping @Sendable (Controller, AuditStore, Ballot) async throws -> Void
    ) async throws {
        let (store, line, log) = (MemoryStore(), ControllerLine(), try await AuditStore.inMemory())
        let ballot = Ballot(of: store)
        let (news, page, notes) = (
            try golden("history-news"), try golden("history-audit"), try golden("history-notes")
        )
        line.join("ctrl1") { path, query in
            // Whoever leads asks for no events.
            path == "/audit" ? page : query.contains { $0.name == "events" } ? news : notes
        }
        let seat = ballot.seat(first)
        try await seat.describe(try golden("controller-leader").bytes)
        let controller = try await standingBy(store: store, leadership: ballot.seat(second), audit: log, line: line)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { _ = try await seat.lead { term in _ = await term.ended() } }
            try await eventually("it leads") { ballot.won == 1 }
            try await withRunning(controller) { try await body(controller, log, ballot) }
        }
    }

    private static func records(_ log: AuditStore) async throws -> [JSON] {
        var query = AuditQuery(size: 1_000)
        query.after = [0]
        return try await log.page(query).records.reversed()
    }

    @Test func `a standby takes over the events and audit records that the leader tells, and leads on without a gap`()
        async throws
    {
        let told = try Self.golden("history-news")
        let events = try told.array("events")
        let noted = try Self.golden("history-audit").array("records")
        try #require(!events.isEmpty && !noted.isEmpty)
        try await Self.withLeaderOfVersion7 { controller, log, ballot in
            func known() throws -> [JSON] { try controller.events.latest(after: 0, atMost: 1_000).events.reversed() }
            try await eventually("it has its events") { try known() == events.map { try $0.required("event") } }
            try await eventually("it has its audit log") {
                try await Self.records(log).map { $0["sequence"] } == noted.map { $0["sequence"] }
            }
            let actions = try await Self.records(log).map { $0["action"]?.text }
            #expect(actions == noted.map { $0["body"]?["action"]?.text } && actions.contains("MAINTENANCE_SET"))
            try await eventually("it stands by") { ballot.waiting == 1 }
            ballot.depose()
            try await eventually("it leads") { await controller.get("ping").status == 200 }
            #expect(try Array(known().prefix(events.count)) == events.map { try $0.required("event") })

            let call = APICall(
                "GET",
                "/apis/v1/cluster/events/stream?timeout=1",
                lastEventID: try told.string("end")
            )
            var stream = ""
            for try await piece in try #require(await controller.api.answer(call).file).pieces {
                stream += String(decoding: piece, as: UTF8.self)
            }
            #expect(!stream.contains("event: gap") && stream.contains("id: 2-1\n"))
        }
    }

    @Test func `a leader takes what a standby has noted into its log, once, and lists where that is`() async throws {
        let notes = try Self.golden("history-notes").array("notes")
        let card = try Self.golden("controller-leader")
        try #require(!notes.isEmpty)
        try await Self.withLeaderOfVersion7 { controller, log, ballot in
            try await eventually("it stands by") { ballot.waiting == 1 }
            ballot.depose()
            func denials() async throws -> [JSON] {
                try await Self.records(log).filter { $0["action"] == "CHANGE_DENIED" }
            }
            try await eventually("it has them") { try await denials().count == notes.count }
            #expect(try await denials().allSatisfy { AuditSequence.epoch(of: try $0.integer("sequence")) == 2 })
            let listed = await controller.get("cluster/controllers").json?["data"]?[0]
            #expect(listed?["controllerId"] == .string(Self.first) && listed?["state"] == "STANDBY")
            for key in ["hostname", "port", "transportType", "version", "since"] {
                #expect(card[key] != nil && listed?[key] == card[key], "\(key)")
            }
        }
    }

    @Test func `clients are told where a controller of version 7 is, whether it leads or not`() throws {
        #expect(try ControllerCard(Self.golden("controller-leader").bytes).url == "http://ctrl1:10000")
        #expect(try ControllerCard(Self.golden("controller-standby").bytes).url == "http://ctrl2:10000")
    }

    @Test func `a leader that hears few executors makes way for a standby that says that it reaches them`() async throws
    {
        let (store, time) = (MemoryStore(), ManualTime())
        let ballot = Ballot(of: store)
        let standby = ballot.seat(Self.second)
        try await standby.tell(reach: try Self.golden("controller-reach").bytes)
        try await withController(store: store, leadership: ballot.seat(Self.first), time: time.source) { leader in
            for number in 1...3 { _ = await leader.inbox.submit(Self.report(number)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { _ = try await standby.lead { term in _ = await term.ended() } }
                try await eventually("it stands by") { ballot.waiting == 1 }
                for _ in 0..<7 {
                    time.advance(by: .seconds(1))
                    // Each is a turn of the leader.
                    _ = await leader.inbox.submit(Self.report(1))
                }
                try await eventually("the standby leads") { ballot.won == 2 }
                #expect(await leader.get("ping").status == 400)
            }
        }
    }

    // MARK: writing

    private static func report(_ number: Int) -> NodeReport {
        var report = fullReport()
        report.identity.id = ExecutorID("node\(number)")
        report.identity.key = NodeKey("key \(number)")
        report.identity.hostname = "node\(number)"
        return report
    }

    /// With `APUS_RECORD_GOLDEN=1` what is told today is recorded: read it before it is committed.
    @Test func `controllers tell no less than in version 7, so that those of it read them`() async throws {
        let told = try await Self.exchange()
        #expect(told.count == 6)
        for (name, now) in told {
            let then = try goldenMessage("7/messages/\(name)", today: now)
            #expect(Self.lacking(then, now) == [], "\(name)")
        }
    }

    /// The paths of what the one has and the other has not, or as something else; of lists the first elements count.
    private static func lacking(_ then: JSON, _ now: JSON?, at path: String = "") -> [String] {
        switch (then, now) {
        case (.object(let members), .object):
            members.flatMap { lacking($0.value, now?[$0.key], at: "\(path)/\($0.key)") }
        case (.array(let then), .array(let now)):
            then.first.map { lacking($0, now.first, at: "\(path)/0") } ?? []
        case (.string, .string), (.integer, .integer), (.bool, .bool), (.null, .null): []
        default: [path]
        }
    }

    /// What two controllers of today tell each other, by the names of the files.
    private static func exchange() async throws -> [(name: String, message: JSON)] {
        var rig = CallerRig.roles
        rig.secrets = [CallerRig.secret]
        let callers = rig
        let (store, time, line) = (MemoryStore(), ManualTime(), ControllerLine())
        let (ballot, told) = (Ballot(of: store), Recorder<(name: String, message: JSON)>())
        // Else the leader would take what the other one notes before it is seen.
        line.cut("ctrl2")
        try await withController(
            store: store,
            leadership: ballot.seat(first),
            time: time.source,
            line: line,
            callers: callers
        ) { leader in
            for number in 1...3 { _ = await leader.inbox.submit(report(number)) }
            _ = await leader.inbox.submit(.application(create(instances: 1)))
            #expect(await leader.call("POST", "cluster/maintenance/set", CallerRig.basic("root")).status == 200)
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat(second),
                time: time.source,
                ask: { url in
                    let host = url.dropFirst("http://".count).prefix { $0 != ":" }
                    return NodePong(cluster: cluster, executor: ExecutorID(String(host)), incarnation: 1)
                },
                line: line,
                callers: callers
            )
            try await withRunning(standby) {
                try await eventually("it stands by") { ballot.waiting == 1 }
                for (name, id, role) in [("leader", first, "LEADER"), ("standby", second, "STANDBY")] {
                    let card = try await card(of: id, as: role, in: ballot)
                    told.add(("controller-\(name)", card))
                }
                try await eventually("it has told what it reaches") { try ballot.reach(of: second)?["reached"] == 3 }
                told.add(("controller-reach", try #require(try ballot.reach(of: second))))
                let denied = await standby.call("POST", "operations", CallerRig.basic("root", "wrong"), body: "{}")
                #expect(denied.status == 401)
                let notes = try await answer(of: standby, "?reader=\(first)") { try !$0.array("notes").isEmpty }
                told.add(("history-notes", notes))
                ballot.depose()
                let news = try await answer(of: leader, "?reader=\(second)&events=0-0") { $0["end"] != nil }
                told.add(("history-news", news))
                let last = Int64(try #require(try news.integers("held").first))
                let page = "/audit?after=\(AuditSequence.begin(of: last))&through=\(last)"
                told.add(("history-audit", try await answer(of: leader, page) { _ in true }))
            }
        }
        return told.all
    }

    private static func card(of id: String, as role: String, in ballot: Ballot) async throws -> JSON {
        var card: JSON?
        try await eventually("\(id) says that it is \(role)") {
            let presences = try await ballot.seat(id).controllers()
            card = try presences.first { $0.id == id }.map { try JSON(parsing: $0.description) }
            return card?["role"]?.text == role
        }
        return try #require(card)
    }

    /// What a controller answers to another one, as soon as it is enough.
    private static func answer(
        of controller: Controller,
        _ question: String,
        isEnough: (JSON) throws -> Bool
    ) async throws -> JSON {
        var answer: JSON?
        try await eventually("it answers \(question)") {
            answer = await controller.call(
                "GET",
                "internal/history\(question)",
                ["Cluster-Authorization": CallerRig.secret]
            ).json
            return try answer.map(isEnough) ?? false
        }
        return try #require(answer)
    }
}
