import ApusStore
import GRDB
import Testing

/// What stands in the state directory of a controller whose state is in ZooKeeper.
@Suite struct PlaceholderTests {
    @Test func `where the state is in ZooKeeper no version begins a store of its own`() async throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: place.path)
        defer { directory.close() }
        #expect(try await !SQLiteStore.isOwn(in: directory))
        for _ in 0..<2 { try await SQLiteStore.keepOut(of: directory) }
        #expect(try await !SQLiteStore.isOwn(in: directory))
        let error = await #expect(throws: StoreError.self) { _ = try await SQLiteStore.open(in: directory) }
        #expect(error?.description.contains("start the controller with --zookeeper") == true)

        // All that the version looks at that knows nothing of ZooKeeper.
        var earlier = DatabaseMigrator()
        earlier.registerMigration("1 records and epoch") { _ in }
        let file = try DatabaseQueue(path: "\(place.path)/state.db")
        let isRefused = try await file.read { [earlier] db in try earlier.hasBeenSuperseded(db) }
        #expect(isRefused)
    }

    @Test func `a store of its own is left as it is`() async throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: place.path)
        defer { directory.close() }
        let store = try await SQLiteStore.open(in: directory)
        let epoch = try await store.acquireEpoch()
        try await store.close()
        #expect(try await SQLiteStore.isOwn(in: directory))
        await #expect(throws: StoreError.self) { try await SQLiteStore.keepOut(of: directory) }
        let again = try await SQLiteStore.open(in: directory)
        #expect(try await again.currentEpoch() == epoch)
        try await again.close()
    }
}
