import ApusModel
import ApusStore
import Foundation
import Testing

/// The audit log on disk: in order, found by what is asked for, and bounded.
@Suite struct AuditStoreTests {
    private func entry(
        _ action: String = "A",
        at time: Int64,
        by actor: String = "ann",
        from source: String? = "10.0.0.1",
        on subject: String = "web-1",
        related: [String] = []
    ) -> AuditEntry {
        var entry = AuditEntry(
            at: WallTime(milliseconds: time),
            in: 1,
            AuditActor(.user, actor, role: "R", source: source),
            action,
            AuditSubject(.application, subject),
            .accepted
        )
        entry.related = related
        return entry
    }

    private func found(_ store: AuditStore, _ change: (inout AuditQuery) -> Void) async throws -> [Int64] {
        var query = AuditQuery(size: 10)
        change(&query)
        return try await store.page(query).records.map { try $0.integer("sequence") }
    }

    @Test func `records come newest first, in the API's form`() async throws {
        let store = try await AuditStore.inMemory()
        #expect(try await store.append([]) == 0)
        #expect(try await store.append([entry("A", at: 5), entry("B", at: 6)]) == 2)
        let page = try await store.page(AuditQuery(size: 10))
        #expect(page.next == nil && page.last == 2)
        #expect(
            page.records.map(\.serialized) == [
                #"{"sequence":2,"time":6,"epoch":1,"actor":{"kind":"USER","name":"ann","role":"R","source":"10.0.0.1"},"#
                    + #""action":"B","subject":{"kind":"APPLICATION","id":"web-1"},"outcome":"ACCEPTED"}"#,
                #"{"sequence":1,"time":5,"epoch":1,"actor":{"kind":"USER","name":"ann","role":"R","source":"10.0.0.1"},"#
                    + #""action":"A","subject":{"kind":"APPLICATION","id":"web-1"},"outcome":"ACCEPTED"}"#,
            ]
        )
    }

    @Test func `each condition finds its own, and several hold together`() async throws {
        let store = try await AuditStore.inMemory()
        _ = try await store.append([
            entry("A", at: 1), entry("B", at: 2, by: "bob"), entry("A", at: 3, from: "10.0.0.2"),
            entry("A", at: 4, from: nil, on: "AI-1", related: ["web-1", "node-1"]), entry("A", at: 5, on: "db-1"),
        ])
        #expect(try await found(store) { _ in } == [5, 4, 3, 2, 1])
        #expect(try await found(store) { $0.actor = "bob" } == [2])
        #expect(try await found(store) { $0.action = "A" } == [5, 4, 3, 1])
        #expect(try await found(store) { $0.source = "10.0.0.2" } == [3])
        #expect(try await found(store) { $0.subject = "web-1" } == [4, 3, 2, 1], "its instances are its own")
        #expect(try await found(store) { $0.subject = "node-1" } == [4])
        #expect(
            try await found(store) { ($0.since, $0.until) = (WallTime(milliseconds: 2), WallTime(milliseconds: 4)) }
                == [4, 3, 2]
        )
        #expect(try await found(store) { ($0.subject, $0.actor) = ("web-1", "ann") } == [4, 3, 1])
        #expect(try await found(store) { ($0.subject, $0.since) = ("web-1", WallTime(milliseconds: 3)) } == [4, 3])
        #expect(try await found(store) { ($0.actor, $0.action, $0.source) = ("ann", "A", "10.0.0.1") } == [5, 1])
        #expect(try await found(store) { $0.after = [3] } == [5, 4])
        #expect(try await found(store) { ($0.after, $0.subject) = ([2], "web-1") } == [4, 3])
        #expect(try await found(store) { $0.actor = "nobody" }.isEmpty)
    }

    @Test func `pages follow each other, also where a clock was set back`() async throws {
        let store = try await AuditStore.inMemory()
        let times: [Int64] = [10, 20, 20, 20, 15, 30]
        _ = try await store.append(times.map { entry(at: $0) })
        var (query, seen) = (AuditQuery(size: 2), [Int64]())
        repeat {
            let page = try await store.page(query)
            seen += try page.records.map { try $0.integer("sequence") }
            query.from = page.next
        } while query.from != nil
        #expect(seen == [6, 4, 3, 2, 5, 1])
        #expect(try await found(store) { ($0.after, $0.from) = ([1], 4) } == [4, 3, 2])
    }

    @Test func `what is older than the first record has no page`() async throws {
        let store = try await AuditStore.inMemory()
        _ = try await store.append([entry(at: 1), entry(at: 2)])
        _ = try await store.prune(before: WallTime(milliseconds: 2), keeping: 10, atMost: 10)
        #expect(try await found(store) { $0.from = 1 }.isEmpty)
        #expect(try await found(store) { $0.from = 99 } == [2])
    }

    @Test func `what is too old or too much goes, a few at a time, and is found no more`() async throws {
        let store = try await AuditStore.inMemory()
        _ = try await store.append((1...10).map { entry(at: Int64($0), related: ["node-1"]) })
        let never = WallTime(milliseconds: .min)
        #expect(try await store.prune(before: WallTime(milliseconds: 3), keeping: 100, atMost: 5) == 2)
        #expect(try await store.prune(before: never, keeping: 4, atMost: 3) == 3)
        #expect(try await store.prune(before: never, keeping: 4, atMost: 3) == 1)
        #expect(try await store.prune(before: never, keeping: 4, atMost: 3) == 0)
        #expect(try await found(store) { _ in } == [10, 9, 8, 7])
        #expect(try await found(store) { $0.subject = "node-1" } == [10, 9, 8, 7])
        #expect(try await store.prune(before: WallTime(milliseconds: 99), keeping: 4, atMost: 9) == 4)
        #expect(try await store.append([entry(at: 11)]) == 11, "a sequence is never used again")
    }

    @Test func `the log outlives a restart, and sequences go on`() async throws {
        let place = try TemporaryDirectory()
        for number in 1...2 {
            let directory = try StateDirectory(at: place.path)
            defer { directory.close() }
            let store = try await AuditStore.open(in: directory)
            #expect(try await store.append([entry(at: 1)]) == Int64(number))
            #expect(try place.permissions(AuditStore.fileName) == 0o600)
            try await store.close()
            await #expect(throws: StoreError.self) { try await store.append([entry(at: 1)]) }
        }
    }

    @Test func `a file that is no database is reported and left alone`() async throws {
        let place = try TemporaryDirectory()
        let file = URL(filePath: "\(place.path)/\(AuditStore.fileName)")
        let text = Data(String(repeating: "this was never a database\n", count: 400).utf8)
        try text.write(to: file)
        let directory = try StateDirectory(at: place.path)
        defer { directory.close() }
        let error = try await #require(throws: StoreError.self) { try await AuditStore.open(in: directory) }
        guard case .corrupt(let reason) = error else {
            Issue.record("not reported as corrupt: \(error)")
            return
        }
        #expect(reason.contains(file.path))
        #expect(try Data(contentsOf: file) == text)
    }
}
