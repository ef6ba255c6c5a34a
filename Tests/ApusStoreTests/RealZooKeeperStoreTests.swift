import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

extension RealZooKeeper {
    @Suite(.oneZooKeeper) struct StoreTests {
        private func put(_ kind: RecordKind, _ id: String, _ text: String) -> Write {
            .put(RecordKey(kind, id), Array(text.utf8))
        }

        @Test(arguments: StoreConformance.checks)
        func `the ZooKeeper store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
            try await withZooKeeper(try OneZooKeeper.address()) { try await check.run($0) }
        }

        @Test func `records and the epoch are there for the next controller, whoever made them`() async throws {
            let address = try OneZooKeeper.address()
            let first = try await withZooKeeper(address) { store in
                let epoch = try await store.acquireEpoch()
                try await store.commit(Batch(epoch: epoch, writes: [put(.application, "web-1", "a")]))
                return epoch
            }
            try await withZooKeeper(address) { store in
                let found = try await store.currentEpoch()
                let next = try await store.acquireEpoch()
                let records = try await store.list(.application)
                #expect(found == first && next > first)
                #expect(records.map(\.key.id) == ["web-1"])
            }
        }

        @Test func `a deposed leader on another session changes nothing and learns who holds the epoch`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { old in
                let first = try await old.acquireEpoch()
                try await old.commit(Batch(epoch: first, writes: [put(.member, "a", "1")]))
                try await withZooKeeper(address) { new in
                    let second = try await new.acquireEpoch()
                    let late = Batch(epoch: first, writes: [put(.member, "a", "late"), put(.member, "b", "late")])
                    await #expect(throws: StoreError.fenced(by: second)) { try await old.commit(late) }
                    await #expect(throws: StoreError.fenced(by: second)) {
                        _ = try await old.raiseEpoch(from: first, above: 90)
                    }
                    let (kept, epoch) = (try await new.list(.member), try await new.currentEpoch())
                    #expect(kept.map(\.bytes) == [Array("1".utf8)])
                    #expect(epoch == second)
                }
            }
        }

        @Test func `a controller that does not know what is there commits all the same`() async throws {
            let address = try OneZooKeeper.address()
            let epoch = try await withZooKeeper(address) { store in
                let epoch = try await store.acquireEpoch()
                let writes = (0..<50).map { put(.task, "T/\($0)", "old") }
                try await store.commit(Batch(epoch: epoch, writes: writes))
                return epoch
            }
            try await withZooKeeper(address) { store in
                let puts = (0..<60).map { put(.task, "T/\($0)", "new") }
                let deletes = (40..<70).map { Write.delete(RecordKey(.task, "T/\($0)")) }
                try await store.commit(Batch(epoch: epoch, writes: puts + deletes))
                let records = try await store.list(.task)
                #expect(records.count == 40)
                #expect(records.allSatisfy { $0.bytes == Array("new".utf8) })
            }
        }

        @Test func `whoever has another credential, or none, can neither read nor write`() async throws {
            let address = try OneZooKeeper.address()
            let ours = ZooKeeperCredential(user: "apus", password: "ours")
            try await withZooKeeper(address, credential: ours) { store in
                let epoch = try await store.acquireEpoch()
                try await store.commit(Batch(epoch: epoch, writes: [put(.cluster, "users", "secret")]))
            }
            for theirs in [ZooKeeperCredential(user: "apus", password: "theirs"), nil] {
                let error = await #expect(throws: StoreError.self) {
                    try await withZooKeeper(address, credential: theirs) { _ in }
                }
                guard case .refused(let reason)? = error, reason.contains("another credential") else {
                    Issue.record("it is \(String(describing: error))")
                    return
                }
                var settings = ZooKeeperSession.Settings(address: address)
                settings.credential = theirs
                let session = ZooKeeperSession.open(settings)
                try await session.connected(within: .seconds(30))
                for path in ["/epoch", "/turn", "/log/1", "/records/cluster", "/controllers", "/election"] {
                    for attempt in [
                        { _ = try await session.get(path) }, { _ = try await session.children(path) },
                        { try await session.set(path, []) }, { try await session.create("\(path)/x") },
                        { try await session.multi([.set(path, [])]) },
                    ] as [@Sendable () async throws -> Void] {
                        let refusal = await #expect(throws: ZooKeeperError.self) { try await attempt() }
                        #expect(refusal?.kind == .noAuth, "\(path)")
                    }
                }
                await session.close()
            }
            try await withZooKeeper(address, credential: ours) { store in
                let kept = try await store.list(.cluster)
                #expect(kept.map(\.bytes) == [Array("secret".utf8)])
            }
        }

        @Test func `nodes that were made without a credential are not used with one, for they are open to all`()
            async throws
        {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { _ = try await $0.acquireEpoch() }
            let error = await #expect(throws: StoreError.self) {
                try await withZooKeeper(address, credential: ZooKeeperCredential(user: "apus", password: "ours")) { _ in
                }
            }
            guard case .refused(let reason)? = error, reason.contains("setAcl -R \(address.chroot) auth::cdrwa") else {
                Issue.record("it is \(String(describing: error))")
                return
            }
        }

        @Test func `twenty thousand records are listed whole, and no directory holds more than a few hundred`()
            async throws
        {
            try await withZooKeeper(try OneZooKeeper.address()) { store in
                let epoch = try await store.acquireEpoch()
                let ids = (0..<20_000).map { "6f1c1bd0-7d5f-3e7b-9d7a-\($0 / 40 + 100_000_000)/\($0 % 40)" }
                let bytes = [UInt8](repeating: 7, count: 400)
                for start in stride(from: 0, to: ids.count, by: 1_000) {
                    let writes = ids[start..<(start + 1_000)].map { Write.put(RecordKey(.hint, $0), bytes) }
                    try await store.commit(Batch(epoch: epoch, writes: writes))
                }
                let listed = try await store.list(.hint)
                #expect(listed.map(\.key.id) == ids.sorted())
                let buckets = try await store.session.children("/records/hint")
                #expect(buckets.count == 256)
                for bucket in buckets {
                    let names = try await store.session.children("/records/hint/\(bucket)")
                    #expect(names.count < 300)
                }
            }
        }

        @Test func `what an operation of the store took is told`() async throws {
            try await withZooKeeper(try OneZooKeeper.address()) { store in
                let seen = Mutex<[StoreObservation]>([])
                let observed = ObservedStore(store) { one in seen.withLock { $0.append(one) } }
                let epoch = try await observed.acquireEpoch()
                try await observed.commit(Batch(epoch: epoch, writes: [put(.hint, "a", "12345")]))
                _ = try await observed.list(.hint)
                await #expect(throws: StoreError.self) {
                    try await observed.commit(Batch(epoch: epoch + 1, writes: []))
                }
                try await observed.prepareSnapshot()
                let told = seen.withLock(\.self)
                #expect(told.map(\.operation) == [.epoch, .commit, .list(.hint), .commit, .prepare])
                #expect(told.map(\.outcome) == [.done, .done, .done, .fenced, .done])
                #expect(told[1].bytes > 5 && told[2].bytes == 5)
                #expect(told.allSatisfy { $0.duration > .zero })
            }
        }

        @Test func `what whoever stands by reads of the leader's commits is told, with what that took`() async throws {
            try await withZooKeeper(try OneZooKeeper.address()) { leader in
                let epoch = try await leader.acquireEpoch()
                try await leader.commit(Batch(epoch: epoch, writes: [put(.hint, "a", "12345")]))
                let seen = Mutex<[StoreObservation]>([])
                let standby = ZooKeeperStore(leader.session, now: monotonic) { one in seen.withLock { $0.append(one) } }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { await standby.follow(every: .milliseconds(50)) { _ in } }
                    try await eventually("all of it is read") {
                        standby.totals?[.hint] == StoreTotals(records: 1, bytes: 5)
                    }
                    try await leader.commit(Batch(epoch: epoch, writes: [put(.hint, "b", "123")]))
                    try await eventually("what is new is read") {
                        standby.totals?[.hint] == StoreTotals(records: 2, bytes: 8)
                    }
                }
                let told = seen.withLock(\.self)
                #expect(told.count >= 2 && told.allSatisfy { $0.operation == .follow && $0.duration > .zero })
                #expect(told.map(\.bytes).reduce(0, +) == 8)
            }
        }

        // MARK: snapshots

        /// All records of a snapshot of it, which must be those that are there.
        private func expectWhole(_ store: ZooKeeperStore, _ ids: [String], at address: ZooKeeperAddress) async throws {
            let snapshot = try await store.snapshot()
            var found: [Record] = []
            while case let page = try await snapshot.next(), !page.isEmpty { found += page }
            let there = try await withZooKeeper(address) { try await $0.list(.task) }
            #expect(found == there)
            #expect(found.map(\.key.id) == ids)
        }

        @Test func `a leader's snapshot is of what is at hand, which each of its commits changes`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { store in
                let epoch = try await store.acquireEpoch()
                try await store.commit(Batch(epoch: epoch, writes: [put(.task, "T/1", "1"), put(.task, "T/2", "1")]))
                #expect(!store.isWarm && store.totals == nil)
                try await store.prepareSnapshot()
                #expect(store.isWarm)
                #expect(store.totals?[.task] == StoreTotals(records: 2, bytes: 2))
                let changes = [put(.task, "T/1", "222"), .delete(RecordKey(.task, "T/2")), put(.task, "T/3", "1")]
                try await store.commit(Batch(epoch: epoch, writes: changes))
                try await store.commit(Batch(epoch: epoch, writes: []))
                #expect(store.isWarm)
                try await expectWhole(store, ["T/1", "T/3"], at: address)
                #expect(store.totals?[.task] == StoreTotals(records: 2, bytes: 4))
                let next = try await store.raiseEpoch(from: epoch, above: 90)
                try await store.commit(Batch(epoch: next, writes: [put(.task, "T/4", "1")]))
                try await expectWhole(store, ["T/1", "T/3", "T/4"], at: address)
            }
        }

        @Test func `what is at hand is right after a commit whose answer was lost, repeated or not`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { store in
                let epoch = try await store.acquireEpoch()
                try await store.commit(Batch(epoch: epoch, writes: [put(.task, "T/1", "1")]))
                try await store.prepareSnapshot()
                try await withZooKeeper(address) { wire in
                    // Done at the servers, and this store was not told.
                    let lost = Batch(epoch: epoch, writes: [put(.task, "T/1", "2"), put(.task, "T/2", "1")])
                    try await wire.commit(lost)
                    try await expectWhole(store, ["T/1", "T/2"], at: address)
                    let writes = [put(.task, "T/3", "1"), .delete(RecordKey(.task, "T/1"))]
                    let repeated = Batch(epoch: epoch, writes: writes)
                    try await wire.commit(repeated)
                    try await store.commit(repeated)
                    try await store.commit(Batch(epoch: epoch, writes: [put(.task, "T/4", "1")]))
                    try await expectWhole(store, ["T/2", "T/3", "T/4"], at: address)
                }
            }
        }

        // MARK: those that follow

        /// What a follower was told, put together.
        private final class Told: Sendable {
            let state = Mutex((records: [RecordKey: [UInt8]](), wholes: 0, times: 0))

            func take(_ changes: StoreChanges) {
                state.withLock { state in
                    state.times += 1
                    if changes.isWhole { (state.records, state.wholes) = ([:], state.wholes + 1) }
                    for write in changes.writes {
                        switch write {
                        case .put(let key, let bytes): state.records[key] = bytes
                        case .delete(let key): state.records[key] = nil
                        }
                    }
                }
            }

            func has(_ id: String, _ text: String?) -> Bool {
                state.withLock { $0.records[RecordKey(.task, id)] } == text.map { Array($0.utf8) }
            }
        }

        @Test func `a standby has what the leader commits, and all of it at once when it takes over`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { leader in
                let epoch = try await leader.acquireEpoch()
                for index in 0..<300 {
                    try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/\(index)", "1")]))
                }
                try await withZooKeeper(address) { standby in
                    let told = Told()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { group.cancelAll() }
                        group.addTask { await standby.follow(every: .milliseconds(50)) { told.take($0) } }
                        try await eventually("all records are told") { told.has("T/299", "1") }
                        try await leader.commit(
                            Batch(epoch: epoch, writes: [put(.task, "T/0", "2"), .delete(RecordKey(.task, "T/1"))])
                        )
                        try await eventually("a change and a deletion are told") {
                            told.has("T/0", "2") && told.has("T/1", nil)
                        }
                        for index in 300..<500 {
                            try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/\(index)", "1")]))
                        }
                        try await eventually("a burst is told") { told.has("T/499", "1") }
                    }
                    #expect(told.state.withLock { $0.wholes } == 1)
                    #expect(told.state.withLock { $0.times } < 100, "each commit was told by itself")
                    try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/last", "1")]))
                    _ = try await standby.acquireEpoch()
                    let (listed, direct) = (try await standby.list(.task), try await leader.list(.task))
                    #expect(listed == direct)
                    #expect(listed.count == 500)
                }
            }
        }

        @Test func `nothing of a tree that was lost is mixed with one that is made anew, whatever its turn`()
            async throws
        {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { standby in
                try await withZooKeeper(address) { leader in
                    let epoch = try await leader.acquireEpoch()
                    for index in 0..<3 {
                        try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/old-\(index)", "1")]))
                    }
                }
                try await standby.prepareSnapshot()
                #expect(try await standby.list(.task).count == 3)
                let top = ZooKeeperSession.open(.init(address: try #require(OneZooKeeper.ensemble).address()))
                try await top.connected(within: .seconds(30))
                try await top.deleteAll(address.chroot)
                await top.close()
                try await withZooKeeper(address) { leader in
                    let epoch = try await leader.acquireEpoch()
                    for index in 0..<5 {
                        try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/new-\(index)", "1")]))
                    }
                    #expect(try await standby.list(.task) == leader.list(.task))
                }
                try await standby.prepareSnapshot()
                #expect(standby.isWarm)
                #expect(try await standby.list(.task).count == 5)
            }
        }

        @Test func `a standby that is too far behind reads everything again`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { leader in
                let epoch = try await leader.acquireEpoch()
                try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/old", "1")]))
                try await withZooKeeper(address) { standby in
                    let first = try await standby.changes(since: nil)
                    #expect(first.isWhole && first.writes.count == 1)
                    try await leader.commit(Batch(epoch: epoch, writes: [.delete(RecordKey(.task, "T/old"))]))
                    let second = try await standby.changes(since: first.turn)
                    #expect(!second.isWhole && second.writes == [.delete(RecordKey(.task, "T/old"))])
                    for index in 0..<1_100 {
                        try await leader.commit(Batch(epoch: epoch, writes: [put(.task, "T/\(index % 7)", "\(index)")]))
                    }
                    let third = try await standby.changes(since: second.turn)
                    #expect(third.isWhole)
                    #expect(third.writes.count == 7)
                    let last = try await standby.changes(since: third.turn)
                    #expect(!last.isWhole && last.writes.isEmpty)
                }
            }
        }
    }
}
