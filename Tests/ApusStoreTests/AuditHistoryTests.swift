import ApusModel
import ApusStore
import Testing

/// The audit logs of several controllers: what one has, another takes, and each record stands in each of them once.
@Suite struct AuditHistoryTests {
    private func entry(_ action: String, in epoch: Epoch = 0, at time: Int64 = 1) -> AuditEntry {
        let actor = AuditActor(.user, "ann", source: "10.0.0.1")
        let subject = AuditSubject(.application, "web-1")
        return AuditEntry(at: WallTime(milliseconds: time), in: epoch, actor, action, subject, .accepted)
    }

    private func actions(_ store: AuditStore) async throws -> [String?] {
        try await records(store).map { $0["action"]?.text }
    }

    /// In the order of their sequences.
    private func records(_ store: AuditStore) async throws -> [JSON] {
        var query = AuditQuery(size: 1_000)
        query.after = [0]
        return try await store.page(query).records.reversed()
    }

    /// All that one has and the other lacks, as it is sent.
    private func take(from source: AuditStore, into store: AuditStore, in epoch: Epoch? = nil) async throws {
        for last in try await source.held() {
            let stretch = try await source.stretch(after: AuditSequence.begin(of: last), through: last)
            try await store.keep(try stretch.records.map { try AuditRecord(json: JSON(parsing: $0.json.bytes)) })
        }
        let notes = try await source.notes().map { try AuditRecord(json: JSON(parsing: $0.json.bytes)) }
        try await store.keep(notes, in: epoch)
    }

    @Test func `leaders give sequences of their own, later ones greater, and none twice`() async throws {
        let (first, second) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        let one = try await first.append([entry("A"), entry("B")], as: .leading(7))
        let two = try await second.append([entry("C")], as: .leading(8))
        #expect(AuditSequence.epoch(of: one) == 7 && AuditSequence.epoch(of: two) == 8 && one < two)
        #expect(try await first.append([entry("D", in: 7)], as: .standingBy(after: 7)) == one + 1)
        let far = WallTime(milliseconds: 99)
        _ = try await first.prune(before: far, keeping: 10, atMost: 10)
        #expect(try await first.append([entry("E")], as: .leading(7)) == one + 2)
    }

    @Test func `what is taken again and again, and from several, is there once, in its place, and is found`()
        async throws
    {
        let (old, new) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        _ = try await old.append([entry("A", at: 1), entry("B", at: 2)], as: .leading(7))
        try await take(from: old, into: new)
        _ = try await old.append([entry("C", at: 3)], as: .leading(7))
        _ = try await new.append([entry("D", at: 4)], as: .leading(8))
        for _ in 0..<2 {
            try await take(from: old, into: new)
            try await take(from: new, into: old)
        }
        #expect(try await actions(new) == ["A", "B", "C", "D"])
        #expect(try await records(new) == records(old))
        var query = AuditQuery(size: 10)
        query.subject = "web-1"
        #expect(try await new.page(query).records.count == 4)
    }

    @Test func `what a standby notes waits for a leader, and comes into the log of all once`() async throws {
        let (leader, standby) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        _ = try await standby.append([entry("DENIED")], as: .standingBy(after: nil))
        #expect(try await actions(standby) == [])
        _ = try await leader.append([entry("A")], as: .leading(7))
        for _ in 0..<2 { try await take(from: standby, into: leader, in: 7) }
        #expect(try await actions(leader) == ["A", "DENIED"])
        try await take(from: leader, into: standby)
        #expect(try await records(standby) == records(leader))
        #expect(try await standby.notes().isEmpty)
        _ = try await standby.append([entry("B")], as: .leading(8))
        #expect(try await actions(standby) == ["A", "DENIED", "B"])
    }

    @Test func `whoever leads next has its own notes first, and takes none of them from another again`() async throws {
        let (last, next) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        _ = try await next.append([entry("DENIED")], as: .standingBy(after: 3))
        // The leader took it and was killed before it told so.
        try await take(from: next, into: last, in: 7)
        _ = try await next.append([entry("A")], as: .leading(8))
        try await take(from: last, into: next)
        #expect(try await actions(next) == ["DENIED", "A"])
    }

    @Test func `whoever goes on behind all ends finds each record once, those that come late too`() async throws {
        let (old, new) = (try await AuditStore.inMemory(), try await AuditStore.inMemory())
        _ = try await new.append([entry("ALONE")])
        _ = try await old.append([entry("A"), entry("B")], as: .leading(7))
        try await take(from: old, into: new)
        _ = try await old.append([entry("LATE")], as: .leading(7))
        _ = try await new.append([entry("C")], as: .leading(8))
        var query = AuditQuery(size: 2)
        var seen: [String?] = []
        func follow() async throws {
            let page = try await new.page(query)
            seen += page.records.reversed().map { $0["action"]?.text }
            #expect(page.next == nil)
            query.after = page.ends
        }
        query.after = [0]
        query.after = try await new.page(query).ends
        #expect(query.after.count == 3)
        try await follow()
        #expect(seen.isEmpty)
        _ = try await new.append([entry("D")], as: .leading(8))
        try await take(from: old, into: new)
        try await follow()
        #expect(seen == ["LATE", "D"])
        let unknown = try await AuditStore.inMemory()
        _ = try await unknown.append([entry("EARLIER")], as: .leading(5))
        _ = try await unknown.append([entry("BETWEEN")], as: .leading(6))
        try await take(from: unknown, into: new)
        try await follow()
        try await follow()
        #expect(seen == ["LATE", "D", "EARLIER", "BETWEEN"])
    }

    @Test func `pages behind several ends go on where the last one ended`() async throws {
        let store = try await AuditStore.inMemory()
        for epoch in [7, 8, 9] {
            _ = try await store.append((1...3).map { entry("\(epoch)\($0)") }, as: .leading(Epoch(epoch)))
        }
        var query = AuditQuery(size: 2)
        query.after = [7 << 32 + 1, 9 << 32 + 2]
        var seen: [String?] = []
        repeat {
            let page = try await store.page(query)
            seen += page.records.map { $0["action"]?.text }
            query.from = page.next
        } while query.from != nil
        #expect(seen == ["93", "83", "82", "81", "73", "72"])
    }

    @Test func `the oldest go by number over all leaderships`() async throws {
        let store = try await AuditStore.inMemory()
        _ = try await store.append([entry("A")])
        for epoch in [7, 8, 30] { _ = try await store.append([entry("B"), entry("C")], as: .leading(Epoch(epoch))) }
        let never = WallTime(milliseconds: .min)
        #expect(try await store.prune(before: never, keeping: 7, atMost: 10) == 0)
        #expect(try await store.prune(before: never, keeping: 3, atMost: 2) == 2)
        #expect(try await store.prune(before: never, keeping: 3, atMost: 10) == 2)
        let epochs = try await records(store).map { AuditSequence.epoch(of: try $0.integer("sequence")) }
        #expect(epochs == [8, 30, 30])
    }

    @Test func `many are handed out page by page, and none of a controller that was alone`() async throws {
        let store = try await AuditStore.inMemory()
        _ = try await store.append([entry("ALONE")])
        _ = try await store.append((0..<1_200).map { entry("A\($0)") }, as: .leading(2))
        let held = try await store.held()
        #expect(held.count == 1)
        let last = try #require(held.first)
        var (had, pages, seen) = (AuditSequence.begin(of: last), 0, 0)
        while had < last {
            let stretch = try await store.stretch(after: had, through: last)
            #expect(stretch.records.count <= 500)
            (had, pages, seen) = (stretch.through, pages + 1, seen + stretch.records.count)
        }
        #expect(pages == 3 && seen == 1_200)
        #expect(
            try await store.stretch(after: 0, through: last - 1_199).records.map { $0.body["action"]?.text } == ["A0"]
        )
        #expect(try await store.stretch(after: 0, through: 9).records.isEmpty)
    }

    @Test func `what is no record of another controller's is refused`() throws {
        let body: JSON = ["time": 1, "action": "A", "actor": ["kind": "USER", "name": "ann"]]
        let sound: JSON = ["sequence": .integer(7 << 32 + 1), "ids": ["web-1"], "body": body]
        #expect(try AuditRecord(json: sound).ids == ["web-1"])
        let unsound: [JSON] = [
            [:], ["sequence": 12, "ids": [], "body": body], ["ids": [], "body": body],
            ["origin": "x-1", "ids": [], "body": ["time": 1]], ["origin": "x-1", "ids": [], "body": "text"],
            ["origin": "x-1", "ids": [], "body": ["sequence": 1, "time": 1, "action": "A", "actor": ["name": "a"]]],
        ]
        for json in unsound { #expect(throws: JSONError.self, "\(json)") { try AuditRecord(json: json) } }
    }
}
