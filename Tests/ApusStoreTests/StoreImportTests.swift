import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

/// Imports: a store holds what an export held, or what it held before; never a part of both.
@Suite struct StoreImportTests {
    private static let others = (0..<40).map { number in
        Record(key: RecordKey(.hint, "E/\(number)"), bytes: [UInt8](repeating: UInt8(number), count: 60_000))
    }

    private static func state(epoch: Epoch = 7, _ records: [Record] = others) throws -> RestoredState {
        try RestoredState(ExportHeader(cluster: ClusterID("c1"), epoch: epoch, at: WallTime(milliseconds: 5)), records)
    }

    private static func all(_ store: any StateStore) async throws -> [RecordKey: [UInt8]] {
        Dictionary(uniqueKeysWithValues: try await store.records().map { ($0.key, $0.bytes) })
    }

    private static func restoration(_ store: any StateStore) async throws -> Restoration? {
        guard let facts = try await all(store)[ClusterFacts.key] else { return nil }
        return try ClusterFacts(record: try JSON(parsing: facts)).restoration
    }

    private static func expectImported(_ store: any StateStore) async throws {
        var all = try await all(store)
        all[ClusterFacts.key] = nil
        #expect(all == Dictionary(uniqueKeysWithValues: others.map { ($0.key, $0.bytes) }))
    }

    // MARK: any store

    @Test func `a store holds what was exported, RESTORED under a greater epoch`() async throws {
        let store = MemoryStore()
        let epoch = try await Self.state().put(into: store)
        #expect(epoch > 7)
        #expect(try await store.currentEpoch() == epoch)
        #expect(try await Self.restoration(store) == Restoration(epoch: epoch))
        try await Self.expectImported(store)
    }

    @Test func `what was there before is gone, and its leader is fenced off`() async throws {
        let store = MemoryStore()
        var old: Epoch = 0
        for _ in 0..<9 { old = try await store.acquireEpoch() }
        let write = Write.put(RecordKey(.application, "web-1"), [1])
        try await store.commit(Batch(epoch: old, writes: [write, .put(ClusterFacts.key, [2])]))
        let epoch = try await Self.state(epoch: 3).put(into: store, above: 40)
        #expect(epoch > 40)
        try await Self.expectImported(store)
        let late = Batch(epoch: old, writes: [write])
        await #expect(throws: StoreError.fenced(by: epoch)) { try await store.commit(late) }
    }

    @Test func `facts stay as they were exported, but for the restoration`() async throws {
        var facts = ClusterFacts()
        facts.mode = .maintenance
        facts.restoration = Restoration(epoch: 2)
        facts.restoration?.isConfirmed = true
        let store = MemoryStore()
        let epoch = try await Self.state([Record(key: ClusterFacts.key, bytes: facts.record.bytes)]).put(into: store)
        facts.restoration = Restoration(epoch: epoch)
        #expect(try await Self.all(store) == [ClusterFacts.key: facts.record.bytes])
    }

    /// Of 40 records of 60,000 bytes there are several batches.
    @Test(arguments: 1...6, [MemoryStore.Failure.before, .after])
    func `an import that breaks off at any commit is marked until it is done again`(
        _ commit: Int,
        _ failure: MemoryStore.Failure
    ) async throws {
        // The first is that of the store's own leader.
        let store = MemoryStore(failures: [commit + 1: failure])
        let epoch = try await store.acquireEpoch()
        let old = RecordKey(.application, "web-1")
        try await store.commit(Batch(epoch: epoch, writes: [.put(old, [1])]))
        await #expect(throws: StoreError.self) { try await Self.state().put(into: store) }
        let left = try await Self.all(store)
        switch (commit, failure) {
        case (1, .before): #expect(left == [old: [1]])
        case (6, .after): try await Self.expectImported(store)
        default: #expect(left[RestoredState.marker] != nil)
        }
        let commits = store.commits
        _ = try await Self.state().put(into: store)
        try await Self.expectImported(store)
        #expect(store.commits == commits + 6, "the cases above are one for each commit")
    }

    // MARK: SQLite

    /// Imports into a directory.
    @discardableResult
    private static func importing(_ state: RestoredState, into path: String) async throws -> String? {
        let directory = try StateDirectory(at: path)
        defer { directory.close() }
        return try await SQLiteStore.replace(await SQLiteStore.standing(in: directory), in: directory, by: state)
    }

    /// Reads the store of a directory, or another file of it.
    private static func reading<T: Sendable>(_ path: String, _ body: (SQLiteStore) async throws -> T) async throws -> T
    {
        let directory = try StateDirectory(at: path)
        defer { directory.close() }
        let store = try await SQLiteStore.open(in: directory)
        let value = try await body(store)
        try await store.close()
        return value
    }

    private static func files(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    @Test func `an import into an empty directory leaves one file there, for its owner alone`() async throws {
        let place = try TemporaryDirectory()
        let kept = try await Self.importing(try Self.state(), into: place.path)
        #expect(kept == nil)
        #expect(try Self.files(place.path) == ["lock", "state.db"])
        #expect(try place.permissions("state.db") == 0o600)
        try await Self.reading(place.path) { store in
            try await Self.expectImported(store)
            #expect(try await Self.restoration(store)?.epoch == store.currentEpoch())
        }
    }

    @Test func `a store that is replaced is kept with all it held, also what its log alone had`() async throws {
        let place = try TemporaryDirectory()
        let golden = URL(fileURLWithPath: "\(#filePath)/../../Golden/6/state").standardized
        for name in ["state.db", "state.db-wal"] {
            try FileManager.default.copyItem(
                at: golden.appending(path: name),
                to: URL(fileURLWithPath: "\(place.path)/\(name)")
            )
        }
        let before = try await Self.reading(place.path) { try await Self.all($0) }
        // As after a kill: not all of it is in the file itself.
        for name in ["state.db", "state.db-wal"] {
            let file = URL(fileURLWithPath: "\(place.path)/\(name)")
            if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
            try FileManager.default.copyItem(at: golden.appending(path: name), to: file)
        }
        #expect(!before.isEmpty)
        let kept = try await Self.importing(try Self.state(epoch: 0), into: place.path)
        #expect(kept == "state.db.replaced-1")
        try await Self.reading(place.path) { store in
            try await Self.expectImported(store)
            #expect(try await store.currentEpoch() > 1, "the replaced store's leader was of epoch 1")
        }
        #expect(try await Self.importing(try Self.state(), into: place.path) == "state.db.replaced-2")
        #expect(try Self.files(place.path) == ["lock", "state.db", "state.db.replaced-1", "state.db.replaced-2"])
        try FileManager.default.createDirectory(atPath: "\(place.path)/old", withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: "\(place.path)/state.db.replaced-1",
            toPath: "\(place.path)/old/state.db"
        )
        #expect(try await Self.reading("\(place.path)/old") { try await Self.all($0) } == before)
    }

    @Test func `a file that is no store is kept as it is`() async throws {
        let place = try TemporaryDirectory()
        let text = Data(String(repeating: "this was never a database\n", count: 400).utf8)
        try text.write(to: URL(fileURLWithPath: "\(place.path)/state.db"))
        try Data("a log\n".utf8).write(to: URL(fileURLWithPath: "\(place.path)/state.db-wal"))
        let directory = try StateDirectory(at: place.path)
        let standing = await SQLiteStore.standing(in: directory)
        guard case .unreadable = standing else {
            Issue.record("not found to be damaged: \(standing)")
            return
        }
        directory.close()
        #expect(try await Self.importing(try Self.state(), into: place.path) == "state.db.replaced-1")
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(place.path)/state.db.replaced-1")) == text)
        try await Self.reading(place.path) { try await Self.expectImported($0) }
    }

    @Test func `what an import left that was killed is no hindrance to the next`() async throws {
        let place = try TemporaryDirectory()
        for name in ["state.db.import", "state.db.import-wal", "state.db.import-shm"] {
            try Data("half of something".utf8).write(to: URL(fileURLWithPath: "\(place.path)/\(name)"))
        }
        try await Self.importing(try Self.state(), into: place.path)
        #expect(try Self.files(place.path) == ["lock", "state.db"])
        try await Self.reading(place.path) { try await Self.expectImported($0) }
    }

    /// The process ends by SIGKILL while it imports, a little later each time.
    @Test(arguments: [0, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 50_000, 100_000])
    func `an import that is killed leaves the old store or the new one, whole`(microseconds: Int) async throws {
        let place = try TemporaryDirectory()
        let path = place.path
        let old = Record(key: RecordKey(.application, "web-1"), bytes: [1])
        try await Self.reading(path) { store in
            let epoch = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.put(old.key, old.bytes)]))
        }
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, microseconds] in
            try await importUntilKilled(path, after: .microseconds(microseconds))
        }
        try await Self.reading(path) { store in
            let all = try await Self.all(store)
            if all == [old.key: old.bytes] { return }
            try await Self.expectImported(store)
            #expect(try await Self.restoration(store)?.isConfirmed == false)
        }
    }

    fileprivate static func importForEver(_ path: String) async throws {
        while true { try await importing(try state(), into: path) }
    }
}

private func importUntilKilled(_ path: String, after delay: Duration) async throws {
    let killer = Thread {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < delay {}
        kill(getpid(), SIGKILL)
    }
    killer.start()
    try await StoreImportTests.importForEver(path)
}
