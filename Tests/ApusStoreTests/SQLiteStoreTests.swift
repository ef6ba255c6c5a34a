import ApusEngine
import ApusModel
import ApusStore
import Foundation
import GRDB
import Testing

@Suite struct SQLiteStoreTests {
    @Test func `records and the epoch outlive a restart`() async throws {
        let place = try TemporaryDirectory()
        let key = RecordKey(.application, "web-1")
        let first = try await withStore(place.path) { store in
            let epoch = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.put(key, [1, 2, 3])]))
            return epoch
        }
        try await withStore(place.path) { store in
            let records = try await store.list(.application)
            let kept = try await store.currentEpoch()
            let next = try await store.acquireEpoch()
            #expect(records == [ApusEngine.Record(key: key, bytes: [1, 2, 3])])
            #expect(kept == first)
            #expect(next > first)
        }
    }

    @Test func `what belongs to the owner only he can read`() async throws {
        let place = try TemporaryDirectory()
        try await withStore("\(place.path)/state") { store in
            _ = try await store.acquireEpoch()
            for name in ["state.db", "state.db-wal", "state.db-shm", "lock"] {
                let permissions = try place.permissions("state/\(name)")
                #expect(permissions == 0o600, "\(name)")
            }
            let permissions = try place.permissions("state")
            #expect(permissions == 0o700)
        }
    }

    @Test func `a file that is no database is reported as corrupt and left alone`() async throws {
        let place = try TemporaryDirectory()
        let file = URL(filePath: "\(place.path)/state.db")
        let text = Data(String(repeating: "this was never a database\n", count: 400).utf8)
        try text.write(to: file)
        let error = try await #require(throws: StoreError.self) { try await withStore(place.path) { _ in } }
        guard case .corrupt(let reason) = error else {
            Issue.record("not reported as corrupt: \(error)")
            return
        }
        #expect(reason.contains(file.path))
        #expect(try Data(contentsOf: file) == text)
    }

    @Test func `a store written by a later version is refused and not touched`() async throws {
        let place = try TemporaryDirectory()
        try await withStore(place.path) { _ = try await $0.acquireEpoch() }
        let file = try DatabaseQueue(path: "\(place.path)/state.db")
        try await file.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2 of the future')") }
        let error = try await #require(throws: StoreError.self) { try await withStore(place.path) { _ in } }
        #expect(error.description.contains("later version"))
        let epoch = try await file.read { try Int.fetchOne($0, sql: "SELECT value FROM epoch") }
        #expect(epoch == 1)
    }

    @Test func `a closed store is unavailable`() async throws {
        let place = try TemporaryDirectory()
        let store = try await withStore(place.path) { $0 }
        let error = try await #require(throws: StoreError.self) { try await store.currentEpoch() }
        guard case .unavailable = error else {
            Issue.record("not reported as unavailable: \(error)")
            return
        }
    }

    /// The process ends by SIGKILL while a commit is under way, a little later each time.
    @Test(arguments: [0, 100, 300, 600, 1_000, 2_000, 4_000])
    func `a process killed in the middle of a commit leaves whole batches only`(microseconds: Int) async throws {
        let place = try TemporaryDirectory()
        let path = place.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, microseconds] in
            try await commitUntilKilled(path, after: .microseconds(microseconds))
        }
        try await withStore(path) { store in
            let records = try await store.list(.hint)
            let generations = Set(records.map { $0.bytes.first })
            #expect(generations == [1] || generations == [2], "a batch is there in part")
            #expect(records.count == recordsInABatch)
            let epoch = try await store.currentEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.put(RecordKey(.cluster, "after"), [1])]))
        }
    }
}

private let recordsInABatch = 48

/// Commits generation 1, then is killed while generation 2 is being committed.
private func commitUntilKilled(_ path: String, after delay: Duration) async throws {
    let store = try await SQLiteStore.open(in: StateDirectory(at: path))
    let epoch = try await store.acquireEpoch()
    @Sendable func batch(_ generation: UInt8) -> Batch {
        let bytes = [UInt8](repeating: generation, count: 12 * 1024)
        return Batch(epoch: epoch, writes: (0..<recordsInABatch).map { .put(RecordKey(.hint, "\($0)"), bytes) })
    }
    try await store.commit(batch(1))
    let killer = Thread {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < delay {}
        kill(getpid(), SIGKILL)
    }
    killer.start()
    while true { try await store.commit(batch(2)) }
}

/// Opens the store in that directory, and gives both back afterwards.
@discardableResult
private func withStore<T: Sendable>(_ path: String, _ body: (SQLiteStore) async throws -> T) async throws -> T {
    let directory = try StateDirectory(at: path)
    defer { directory.close() }
    let store = try await SQLiteStore.open(in: directory)
    do {
        let result = try await body(store)
        try await store.close()
        return result
    } catch {
        try await store.close()
        throw error
    }
}
