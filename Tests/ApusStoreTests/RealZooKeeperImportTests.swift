import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Synchronization
import Testing

extension RealZooKeeper {
    /// Imports into ZooKeeper: a controller leads by all of one, or by what was there before, or by nothing.
    @Suite(.oneZooKeeper) struct ImportTests {
        /// Too many for one batch.
        static let records = (0..<40).map { number in
            Record(key: RecordKey(.hint, "E/\(number)"), bytes: [UInt8](repeating: UInt8(number), count: 60_000))
        }
        /// So many commits an import of these has.
        static let commits: Int64 = 6
        private static let old = Record(key: RecordKey(.application, "web-1"), bytes: [1])
        private static let credential = ZooKeeperCredential(user: "apus", password: "ours")

        static func state(of cluster: String = "c1", epoch: Epoch = 7, _ records: [Record] = records) throws
            -> RestoredState
        {
            let header = ExportHeader(cluster: ClusterID(cluster), epoch: epoch, at: WallTime(milliseconds: 5))
            return try RestoredState(header, records)
        }

        /// - Returns: how many records are gone.
        @discardableResult
        static func importing(_ state: RestoredState, into store: ZooKeeperStore, replacing: Bool = false) async throws
            -> Int
        {
            let line = ZooKeeperLeadership(store: store, id: ZooKeeperLeadership.importer, description: [])
            return try await line.replace(by: state, ifEmpty: !replacing)
        }

        private static func all(_ store: ZooKeeperStore) async throws -> [RecordKey: [UInt8]] {
            Dictionary(uniqueKeysWithValues: try await store.records().map { ($0.key, $0.bytes) })
        }

        /// All of it is there and nothing else, RESTORED since the epoch in force, and it is that cluster's.
        private static func expectImported(
            _ store: ZooKeeperStore,
            _ wanted: [Record] = records,
            of cluster: String = "c1"
        )
            async throws
        {
            var all = try await all(store)
            let facts = try #require(all[ClusterFacts.key])
            all[ClusterFacts.key] = nil
            let restoration = try ClusterFacts(record: try JSON(parsing: facts)).restoration
            let epoch = try await store.currentEpoch()
            #expect(restoration == Restoration(epoch: epoch))
            #expect(all == Dictionary(uniqueKeysWithValues: wanted.map { ($0.key, $0.bytes) }))
            #expect(try await store.cluster(orFound: "another") == cluster)
        }

        /// A cluster that was founded there, with one record.
        private static func founded(_ cluster: String = "c1", in store: ZooKeeperStore) async throws -> Epoch {
            #expect(try await store.cluster(orFound: cluster) == cluster)
            let epoch = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.put(old.key, old.bytes)]))
            return epoch
        }

        @Test func `an empty path holds what was exported, RESTORED under a greater epoch, and closed to others`()
            async throws
        {
            // What all tests have their parts in is nobody's alone.
            try await withZooKeeper(try OneZooKeeper.address()) { _ in }
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address, credential: Self.credential) { store in
                #expect(try await Self.importing(try Self.state(), into: store) == 0)
                #expect(try await store.currentEpoch() > 7)
                let line = try await store.session.children("/election")
                #expect(line.isEmpty, "the import's place is given back")
            }
            try await withZooKeeper(address, credential: Self.credential) { try await Self.expectImported($0) }
            let stranger = ZooKeeperSession.open(ZooKeeperSession.Settings(address: address))
            try await stranger.connected(within: .seconds(30))
            for path in ["/cluster", "/epoch", "/log/1", "/records/hint", "/election"] {
                let refusal = await #expect(throws: ZooKeeperError.self) { _ = try await stranger.get(path) }
                #expect(refusal?.kind == .noAuth, "\(path)")
            }
            await stranger.close()
        }

        @Test func `the export that an earlier version wrote is imported record by record`() async throws {
            let golden = URL(fileURLWithPath: "\(#filePath)/../../Golden/7/export.jsonl").standardized
            var reading = ExportReading()
            let records = try reading.take(Array(try Data(contentsOf: golden)))
            let header = try reading.end()
            try await withZooKeeper(try OneZooKeeper.address()) { store in
                try await Self.importing(try RestoredState(header, records), into: store)
                let wanted = records.filter { $0.key != ClusterFacts.key }
                try await Self.expectImported(store, wanted, of: header.cluster.rawValue)
            }
        }

        @Test func `a state that is there is replaced when that is asked for, and its leader is fenced off`()
            async throws
        {
            try await withZooKeeper(try OneZooKeeper.address()) { store in
                var epoch = try await Self.founded(in: store)
                for _ in 0..<9 { epoch = try await store.acquireEpoch() }
                let holds = ImportFailure.holds(records: 1, epoch: epoch)
                await #expect(throws: holds) { try await Self.importing(try Self.state(), into: store) }
                #expect(try await Self.all(store) == [Self.old.key: Self.old.bytes])
                #expect(try await store.currentEpoch() == epoch)
                #expect(try await Self.importing(try Self.state(), into: store, replacing: true) == 1)
                try await Self.expectImported(store)
                let now = try await store.currentEpoch()
                #expect(now > epoch)
                let late = Batch(epoch: epoch, writes: [.put(Self.old.key, Self.old.bytes)])
                await #expect(throws: StoreError.fenced(by: now)) { try await store.commit(late) }
            }
        }

        @Test func `another cluster's path is never imported into`() async throws {
            try await withZooKeeper(try OneZooKeeper.address()) { store in
                let epoch = try await Self.founded("c2", in: store)
                await #expect(throws: ImportFailure.belongs(to: ClusterID("c2"))) {
                    try await Self.importing(try Self.state(), into: store, replacing: true)
                }
                #expect(try await Self.all(store) == [Self.old.key: Self.old.bytes])
                #expect(try await store.currentEpoch() == epoch)
            }
        }

        // MARK: controllers

        /// Stands at the address under that id and leads when it can, until the body is over.
        private static func standing(
            _ ids: [String],
            at address: ZooKeeperAddress,
            leads: @escaping @Sendable (ZooKeeperStore) async throws -> Void = { _ in },
            _ body: () async throws -> Void
        ) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                for (index, id) in ids.enumerated() {
                    group.addTask {
                        try await withZooKeeper(address) { store in
                            let leadership = ZooKeeperLeadership(store: store, id: id, description: [])
                            _ = try await leadership.lead { term in
                                try await leads(store)
                                _ = await term.ended()
                            }
                        }
                    }
                    try await withZooKeeper(address) { store in
                        try await eventually("\(id) stands in the line") {
                            try await store.session.children("/election").count > index
                        }
                    }
                }
                try await body()
            }
        }

        @Test func `while controllers stand in the line nothing is changed, and they are named in their order`()
            async throws
        {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { store in
                _ = try await Self.founded(in: store)
                try await Self.standing(["host-b:10000", "host-a:10000"], at: address) {
                    try await eventually("the first one leads") { try await store.currentEpoch() == 2 }
                    await #expect(throws: ImportFailure.inUse(by: ["host-b:10000", "host-a:10000"])) {
                        try await Self.importing(try Self.state(), into: store, replacing: true)
                    }
                    #expect(try await store.currentEpoch() == 2)
                    #expect(try await Self.all(store) == [Self.old.key: Self.old.bytes])
                    let line = try await store.session.children("/election")
                    #expect(line.count == 2)
                }
            }
        }

        @Test func `a controller that comes while an import is under way leads after it, by all of it`() async throws {
            let address = try OneZooKeeper.address()
            let seen = Mutex<[RecordKey: [UInt8]]?>(nil)
            try await withZooKeeper(address) { store in
                _ = try await Self.founded(in: store)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = try await withZooKeeper(address) { importer in
                            try await Self.importing(try Self.state(), into: importer, replacing: true)
                        }
                    }
                    try await eventually("the import has begun") { try await store.currentEpoch() > 1 }
                    let leads: @Sendable (ZooKeeperStore) async throws -> Void = { leader in
                        let all = try await Self.all(leader)
                        seen.withLock { $0 = all }
                    }
                    try await Self.standing(["late"], at: address, leads: leads) {
                        try await eventually("it leads") { seen.withLock { $0 != nil } }
                    }
                    try await group.waitForAll()
                }
                let led = seen.withLock { $0 ?? [:] }
                #expect(led[RestoredState.marker] == nil)
                #expect(led.count == Self.records.count + 1, "the facts are one more")
            }
        }

        @Test func `an import that somebody takes over from stores nothing more, and nobody leads by what is there`()
            async throws
        {
            let address = try OneZooKeeper.address()
            // Long enough to be interrupted.
            let bytes = [UInt8](repeating: 1, count: 60_000)
            let many = (0..<400).map { Record(key: RecordKey(.hint, "E/\($0)"), bytes: bytes) }
            try await withZooKeeper(address) { store in
                async let imported: Int = withZooKeeper(address) { importer in
                    try await Self.importing(try Self.state(many), into: importer)
                }
                try await eventually("the import has begun") {
                    try await store.list(.cluster).contains { $0.key == RestoredState.marker }
                }
                let epoch = try await store.acquireEpoch()
                let left = try await Self.all(store)
                do {
                    _ = try await imported
                    Issue.record("it was imported all the same")
                } catch {
                    #expect(error as? ImportFailure == .brokeOff(.fenced(by: epoch)))
                }
                #expect(try await Self.all(store) == left)
                #expect(left[RestoredState.marker] != nil && left.count < many.count)
                await #expect(throws: StoreError.corrupt(reason: RestoredState.halfImported)) {
                    _ = try await store.cluster(orFound: "new")
                }
                await #expect(throws: StoreError.corrupt(reason: RestoredState.halfImported)) {
                    _ = try await store.founded(within: .seconds(30))
                }
                #expect(try await Self.importing(try Self.state(), into: store) == 0)
                try await Self.expectImported(store)
            }
        }

        @Test func `a path that nobody imported into is founded once, by the first that comes`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { first in
                try await withZooKeeper(address) { second in
                    async let one = first.cluster(orFound: "a")
                    async let other = second.cluster(orFound: "b")
                    let found = [try await one, try await other]
                    #expect(found == ["a", "a"] || found == ["b", "b"])
                    _ = try await first.acquireEpoch()
                    #expect(try await second.cluster(orFound: "c") == found[0])
                }
            }
        }

        @Test func `who looks for the cluster that it belongs to makes nothing where that is not`() async throws {
            let address = try OneZooKeeper.address()
            let session = ZooKeeperSession.open(.init(address: address))
            let store = ZooKeeperStore(session, now: monotonic)
            #expect(try await store.founded(within: .seconds(30)) == nil)
            #expect(try await session.exists("") == nil, "the path was made")
            try await withZooKeeper(address) { _ in }
            #expect(try await store.founded(within: .seconds(30)) == nil, "nobody has founded one yet")
            let found = try await withZooKeeper(address) { try await $0.cluster(orFound: "a") }
            #expect(found == "a")
            #expect(try await store.founded(within: .seconds(30)) == "a")
            await session.close()
        }

        // MARK: kill -9

        /// The process ends by SIGKILL when so many turns are stored since it began to import.
        @Test(arguments: [0, 1, 2, 4, commits], [false, true])
        func `an import that is killed is not led by until it is done again`(turns: Int64, replacing: Bool) async throws
        {
            let address = try OneZooKeeper.address()
            let before = try await withZooKeeper(address) { store in
                if replacing { _ = try await Self.founded(in: store) }
                return (try await Self.all(store), try await store.currentEpoch())
            }
            let (place, end) = ("\(address)", turns + (replacing ? 1 : 0))
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [place = place as String, end = end as Int64, replacing] in
                try await importUntilKilled(place, at: end, replacing)
            }
            try await withZooKeeper(address) { store in
                let left = try await Self.all(store)
                if left[RestoredState.marker] == nil, left != before.0 { #expect(left.count == Self.records.count + 1) }
                if !replacing, try await store.currentEpoch() > before.1 {
                    // Whether its end was reached or not, no other cluster is founded there.
                    do {
                        #expect(try await store.cluster(orFound: "new") == "c1")
                    } catch StoreError.corrupt(let reason) {
                        #expect(reason == RestoredState.halfImported)
                    }
                }
                try await eventually("the place of the one that was killed is free, and another one is imported") {
                    do {
                        try await Self.importing(try Self.state(), into: store, replacing: true)
                        return true
                    } catch ImportFailure.inUse(by: [ZooKeeperLeadership.importer]) {
                        return false
                    }
                }
                try await Self.expectImported(store)
            }
        }
    }
}

/// In a process of its own, which ends with this.
private func importUntilKilled(_ text: String, at turn: Int64, _ replacing: Bool) async throws {
    let address = try ZooKeeperAddress(text)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try await withZooKeeper(address) { watcher in
                try await eventually("turn \(turn) is stored") {
                    try await Int64(String(decoding: watcher.session.get("/turn").bytes, as: UTF8.self)) ?? 0 >= turn
                }
                kill(getpid(), SIGKILL)
            }
        }
        group.addTask {
            _ = try await withZooKeeper(address, timeout: .seconds(1)) { store in
                try await RealZooKeeper.ImportTests.importing(
                    try RealZooKeeper.ImportTests.state(),
                    into: store,
                    replacing: replacing
                )
            }
        }
        try await group.waitForAll()
    }
}
