import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

@Suite struct StateStoreTests {
    @Test(arguments: StoreConformance.checks)
    func `the SQLite store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: place.path)
        let store = try await SQLiteStore.open(in: directory)
        try await check.run(store)
        try await store.close()
    }

    @Test(arguments: StoreConformance.checks)
    func `the memory store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        try await check.run(MemoryStore())
    }
}

@Suite struct MemoryStoreTests {
    private static let key = RecordKey(.cluster, "a")

    @Test func `a commit told to fail before stores nothing and may be repeated`() async throws {
        let store = MemoryStore(failures: [2: .before])
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: [.put(Self.key, [1])]))
        let batch = Batch(epoch: epoch, writes: [.put(Self.key, [2])])
        await #expect(throws: StoreError.self) { try await store.commit(batch) }
        #expect(try await store.list(.cluster).map(\.bytes) == [[1]])
        try await store.commit(batch)
        #expect(try await store.list(.cluster).map(\.bytes) == [[2]])
        #expect(store.commits == 3)
    }

    @Test func `a commit told to fail after is stored all the same`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        store.failNextCommit(.after)
        await #expect(throws: StoreError.self) {
            try await store.commit(Batch(epoch: epoch, writes: [.put(Self.key, [1])]))
        }
        #expect(try await store.list(.cluster).map(\.bytes) == [[1]])
    }

    @Test func `a store that is away answers nothing and comes back unchanged`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        store.setAway(true)
        await #expect(throws: StoreError.self) { try await store.list(.cluster) }
        await #expect(throws: StoreError.self) {
            try await store.commit(Batch(epoch: epoch, writes: [.put(Self.key, [1])]))
        }
        store.setAway(false)
        #expect(try await store.list(.cluster).isEmpty)
        #expect(try await store.currentEpoch() == epoch)
    }
}
