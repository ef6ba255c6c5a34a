import ApusController
import ApusModel
import ApusStore
import Logging
import Testing

/// What waits for the audit log's disk, and what is said of what it had no room for.
@Suite struct AuditLogTests {
    private func entry(_ action: String, _ outcome: AuditEntry.Outcome = .done, from source: String? = nil)
        -> AuditEntry
    {
        let actor = AuditActor(.user, "ann", source: source)
        let subject = AuditSubject(.cluster, "c1")
        var entry = AuditEntry(at: WallTime(milliseconds: 1), in: 1, actor, action, subject, outcome)
        entry.detail = AuditDetail(["path": "x"])
        return entry
    }

    private func log(
        _ store: AuditStore,
        waiting: Int = 10_000,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) -> AuditLog {
        var limits = AuditLimits()
        limits.waiting = waiting
        return AuditLog(store, limits: limits, host: "ctrl1", time: ManualTime().source, logger: logger)
    }

    @Test func `the oldest decisions go first, and what was asked for only when nothing else is left`() {
        var queue = AuditQueue(mostWaiting: 3)
        for (action, outcome) in [("D1", AuditEntry.Outcome.done), ("C1", .accepted), ("D2", .done)] {
            queue.take(entry(action, outcome))
        }
        queue.take(entry("C2", .refused))
        queue.take(entry("C3", .accepted))
        #expect(queue.dropped == 2)
        queue.take(entry("C4", .accepted))
        let (entries, missing) = queue.begin(atMost: 10)
        #expect(entries.map(\.action) == ["C2", "C3", "C4"])
        #expect(missing == 3)
        queue.written()
        #expect(!queue.isBehind && queue.settled == queue.handed)
    }

    @Test func `what could not be written comes first again, with what is missing`() {
        var queue = AuditQueue(mostWaiting: 2)
        for action in ["A", "B", "C"] { queue.take(entry(action)) }
        #expect(queue.begin(atMost: 1).entries.map(\.action) == ["B"])
        queue.failed()
        #expect(queue.dropped == 1 && queue.settled == 0)
        let (entries, missing) = queue.begin(atMost: 1)
        #expect(entries.map(\.action) == ["B"] && missing == 1)
        queue.written()
        #expect(queue.settled == 2 && queue.isBehind)
    }

    @Test func `a gap is written where entries are missing, and says how many`() async throws {
        let store = try await AuditStore.inMemory()
        let log = log(store, waiting: 2)
        log.append((1...5).map { entry("D\($0)") })
        await log.finish()
        let records = try await store.page(AuditQuery(size: 10)).records
        #expect(records.sorted(by: sequence).map { $0["action"] } == ["AUDIT_GAP", "D4", "D5"])
        #expect(records.first { $0["action"] == "AUDIT_GAP" }?["detail"] == ["missing": 3])
    }

    @Test func `whoever ends while nothing can be written says how many entries are lost`() async throws {
        let (store, told) = (try await AuditStore.inMemory(), Recorder<String>())
        try await store.close()
        let log = log(store, waiting: 3, logger: Logger(label: "test") { _ in Listening(to: told) })
        log.append((1...5).map { entry("D\($0)") })
        await log.finish()
        #expect(told.all.contains { $0.hasPrefix("the last entries of the audit log are lost") && $0.contains("5") })
    }

    @Test func `what is refused to a container fills the log no more than what is denied`() async throws {
        let store = try await AuditStore.inMemory()
        let log = log(store)
        let actor = AuditActor(.instance, "AI-1", source: "10.0.0.1")
        let subject = AuditSubject(.task, "SRC/T1")
        let refused = AuditEntry(at: WallTime(milliseconds: 1), in: 1, actor, "TASK_FORGET", subject, .refused)
        for _ in 0..<500 { log.append([refused]) }
        log.append([entry("C", .refused), entry("C", .refused)])
        await log.finish()
        let records = try await store.page(AuditQuery(size: 1_000)).records
        let forgetting = records.filter { $0["action"] == "TASK_FORGET" }
        #expect(forgetting.map { $0["detail"] } == [["count": 499], ["count": 1]])
        #expect(records.count { $0["action"] == "C" } == 2, "those of people are all written")
    }

    private func sequence(_ left: JSON, _ right: JSON) -> Bool {
        guard case .integer(let first)? = left["sequence"], case .integer(let second)? = right["sequence"] else {
            return false
        }
        return first < second
    }

    @Test func `those who are turned away are told once a second from each address, with their number`() {
        var meter = DenialMeter()
        let start = Moment(nanoseconds: 0)
        let first = meter.take(entry("X", .denied, from: "10.0.0.1"), at: start)
        #expect(first?.detail?.json == ["path": "x", "count": 1])
        for _ in 0..<50 { #expect(meter.take(entry("X", .denied, from: "10.0.0.1"), at: start) == nil) }
        #expect(meter.take(entry("X", .denied, from: "10.0.0.2"), at: start) != nil)
        #expect(meter.due(at: start + .milliseconds(900)).isEmpty)
        let held = meter.due(at: start + .seconds(1))
        #expect(held.map(\.detail?.json) == [["path": "x", "count": 50]])
        #expect(meter.due(at: start + .seconds(3)).isEmpty)
        #expect(meter.take(entry("X", .denied, from: "10.0.0.1"), at: start + .seconds(3)) != nil)
    }

    @Test func `no more than a bounded number of addresses is told apart`() {
        var meter = DenialMeter()
        let start = Moment(nanoseconds: 0)
        for number in 0..<1_024 { _ = meter.take(entry("X", .denied, from: "a\(number)"), at: start) }
        let later = start + DenialMeter.hour
        _ = meter.leftOut(at: later)
        let told = (0..<5_000).count { meter.take(entry("X", .denied, from: "b\($0)"), at: later) != nil }
        #expect(told == 1, "all the others are one")
        #expect(meter.due(at: later + .seconds(1)).map(\.detail?.json) == [["path": "x", "count": 4_999]])
    }

    @Test func `an hour has room for a bounded number of those who are turned away, whatever their addresses`() {
        var meter = DenialMeter()
        let start = Moment(nanoseconds: 0)
        func knock(_ count: Int, at now: Moment) -> Int {
            (0..<count).count { meter.take(entry("X", .denied, from: "a\($0)"), at: now) != nil }
        }
        #expect(knock(100, at: start) == 60)
        #expect(knock(100, at: start) == 0)
        #expect(meter.due(at: start + .seconds(1)).isEmpty, "what was held back has no room either")
        #expect(meter.leftOut(at: start + .seconds(3_599)) == nil)
        let leftOut = meter.leftOut(at: start + .seconds(3_600))
        #expect(leftOut?.count == 140 && leftOut?.last.actor.source == "a99")
        _ = meter.due(at: start + .seconds(3_600))
        #expect(knock(2, at: start + .seconds(3_600)) == 2)
        #expect(meter.leftOut(at: start + .seconds(9_000)) == nil, "none of the second hour")
    }

    @Test func `one entry says how many denials were left out, at the end too`() async throws {
        let store = try await AuditStore.inMemory()
        let log = log(store)
        for number in 0..<1_000 { log.deny(entry("CHANGE_DENIED", .denied, from: "a\(number)")) }
        await log.finish()
        let records = try await store.page(AuditQuery(size: 1_000)).records
        #expect(records.count { $0["action"] == "CHANGE_DENIED" } == 60)
        let leftOut = records.filter { $0["action"] == "DENIALS_LEFT_OUT" }
        #expect(leftOut.map { $0["detail"] } == [["leftOut": 940]])
        #expect(leftOut.map { $0["cause"] } == ["940 more were denied than an hour has room for, the last from a999"])
    }

    @Test func `what was asked for is kept short, and specifications are named by image alone`() {
        let spec: JSON = [
            "name": "web", "version": "1", "env": ["KEY": "secret"], "executable": ["url": "nginx:1"],
        ]
        let ids = JSON.array((0..<30).map { .integer($0) })
        let detail = AuditDetail(["type": "CREATE", "spec": spec, "instanceIds": ids]).json
        #expect(detail["spec"] == ["name": "web", "version": "1", "image": "nginx:1"])
        guard case .array(let kept)? = detail["instanceIds"] else {
            Issue.record("no list")
            return
        }
        #expect(kept.count == 21 && kept.last == "and 10 more")
        let long = AuditDetail(["text": .string(String(repeating: "\"", count: 20_000))]).json
        #expect(long["clipped"] != nil && long.bytes.count <= AuditDetail.mostBytes)
    }
}
