import ApusEngine
import ApusModel
package import ApusStore

/// What every `StateStore` must do; each check runs on a fresh, empty store.
///
/// It reports by throwing and needs no test framework.
package enum StoreConformance {
    /// One promise of the protocol.
    package struct Check: Sendable, CustomStringConvertible {
        package var description: String
        /// Throws `Unmet`, or the store's own error, if the promise is not kept.
        package var run: @Sendable (any StateStore) async throws -> Void

        init(_ description: String, run: @escaping @Sendable (any StateStore) async throws -> Void) {
            self.description = description
            self.run = run
        }
    }

    /// A promise that was not kept.
    package struct Unmet: Error, CustomStringConvertible {
        package var description: String
    }

    package static let checks: [Check] = records + limits + fence + snapshots
}

// MARK: records

extension StoreConformance {
    private static let records: [Check] = [
        Check("a new store is empty") { store in
            for kind in RecordKind.allCases { try await expect(store, kind, holds: []) }
        },
        Check("what was put is listed by its kind, in the order of its ids") { store in
            let epoch = try await store.acquireEpoch()
            try await store.commit(
                Batch(epoch: epoch, writes: [put(.member, "b", "2"), put(.hint, "a", "3"), put(.member, "a", "1")])
            )
            try await expect(store, .member, holds: [("a", "1"), ("b", "2")])
            try await expect(store, .hint, holds: [("a", "3")])
            try await expect(store, .application, holds: [])
        },
        Check("a put replaces the record, a delete removes it and only it") { store in
            let epoch = try await store.acquireEpoch()
            let first = [put(.cluster, "x", "old"), put(.cluster, "y", "stays")]
            try await store.commit(Batch(epoch: epoch, writes: first))
            try await store.commit(Batch(epoch: epoch, writes: [put(.cluster, "x", "new")]))
            try await expect(store, .cluster, holds: [("x", "new"), ("y", "stays")])
            try await store.commit(Batch(epoch: epoch, writes: [.delete(RecordKey(.cluster, "x"))]))
            try await expect(store, .cluster, holds: [("y", "stays")])
        },
        Check("of several writes to one record the last holds") { store in
            let epoch = try await store.acquireEpoch()
            let kept = [put(.ended, "kept/0", "1"), put(.ended, "kept/0", "2")]
            let gone = [put(.ended, "gone/0", "1"), .delete(RecordKey(.ended, "gone/0"))]
            try await store.commit(Batch(epoch: epoch, writes: kept + gone))
            try await expect(store, .ended, holds: [("kept/0", "2")])
        },
        Check("repeating a batch changes nothing") { store in
            let epoch = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [put(.hint, "b", "1")]))
            let batch = Batch(epoch: epoch, writes: [put(.hint, "a", "1"), .delete(RecordKey(.hint, "b"))])
            for _ in 0..<3 {
                try await store.commit(batch)
                try await expect(store, .hint, holds: [("a", "1")])
            }
        },
        Check("deleting what is not there is no error, nor is an empty batch") { store in
            let epoch = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.delete(RecordKey(.member, "never"))]))
            try await store.commit(Batch(epoch: epoch, writes: []))
        },
        Check("any bytes come back as they were, none included") { store in
            let epoch = try await store.acquireEpoch()
            let all = (0...255).map { UInt8($0) }
            try await store.commit(
                Batch(
                    epoch: epoch,
                    writes: [.put(RecordKey(.cluster, "all"), all), .put(RecordKey(.cluster, "none"), [])]
                )
            )
            let listed = try await store.list(.cluster)
            try expect(listed.map(\.bytes) == [all, []], "the bytes differ")
        },
    ]
}

// MARK: limits

extension StoreConformance {
    private static let limits: [Check] = [
        Check("a record of the largest size is stored, one byte more is refused") { store in
            let epoch = try await store.acquireEpoch()
            let largest = [UInt8](repeating: 7, count: Record.maximumBytes)
            let key = RecordKey(.application, "large")
            try await store.commit(Batch(epoch: epoch, writes: [.put(key, largest)]))
            let tooLarge = Batch(epoch: epoch, writes: [put(.application, "small", "1"), .put(key, largest + [7])])
            try await expectTooLarge(store, tooLarge)
            let listed = try await store.list(.application)
            try expect(listed == [Record(key: key, bytes: largest)], "a refused batch left something behind")
        },
        Check("a batch of the largest size is stored, one byte more is refused") { store in
            let epoch = try await store.acquireEpoch()
            var batch = Batch(epoch: epoch, writes: [])
            for index in 0..<3 {
                let bytes = [UInt8](repeating: 7, count: Record.maximumBytes - 256)
                batch.writes.append(.put(RecordKey(.hint, "\(index)"), bytes))
            }
            let last = RecordKey(.hint, "last")
            let room = Batch.maximumBytes - Batch(epoch: epoch, writes: batch.writes + [.put(last, [])]).byteCount
            let full = Batch(epoch: epoch, writes: batch.writes + [.put(last, [UInt8](repeating: 7, count: room))])
            let over = Batch(epoch: epoch, writes: batch.writes + [.put(last, [UInt8](repeating: 7, count: room + 1))])
            try await expectTooLarge(store, over)
            try await expect(store, .hint, holds: [])
            try await store.commit(full)
            let listed = try await store.list(.hint)
            try expect(listed.map(\.key.id) == ["0", "1", "2", "last"], "the largest batch was not stored whole")
        },
        Check("a batch of as many records as it may hold is stored, and so are their deletions") { store in
            let epoch = try await store.acquireEpoch()
            var puts: [Write] = []
            while Batch(epoch: epoch, writes: puts).byteCount < Batch.maximumBytes - 2 * Batch.bytesPerWrite {
                puts += (0..<100).map { put(.task, "T/\(puts.count + $0)", "") }
            }
            while Batch(epoch: epoch, writes: puts).byteCount > Batch.maximumBytes { puts.removeLast() }
            try await store.commit(Batch(epoch: epoch, writes: puts))
            var listed = try await store.list(.task)
            try expect(listed.count == puts.count, "\(listed.count) of \(puts.count) were stored")
            try await store.commit(Batch(epoch: epoch, writes: puts.map { .delete($0.key) }))
            listed = try await store.list(.task)
            try expect(listed.isEmpty, "\(listed.count) of \(puts.count) were not deleted")
        },
        Check("ids of any characters and lengths come back as they were") { store in
            let epoch = try await store.acquireEpoch()
            let long = String(repeating: "é/", count: 300)
            let ids = ["", ".", "..", "/", "a/b", "%2F", "%", "Ünï 組\u{1F600}\n\u{1}", "zookeeper", long]
            try await store.commit(Batch(epoch: epoch, writes: ids.map { put(.task, $0, "of \($0)") }))
            let listed = try await store.list(.task)
            try expect(listed.map(\.key.id) == ids.sorted(), "the ids differ: \(listed.map(\.key.id))")
            try expect(listed.allSatisfy { $0.bytes == Array("of \($0.key.id)".utf8) }, "the bytes are another's")
        },
    ]
}

// MARK: fence

extension StoreConformance {
    private static let fence: [Check] = [
        Check("the epoch is 0 at first and rises strictly") { store in
            let first = try await store.currentEpoch()
            try expect(first == 0, "it starts at \(first)")
            var last = first
            for _ in 0..<3 {
                let next = try await store.acquireEpoch()
                let current = try await store.currentEpoch()
                try expect(next > last, "\(next) does not exceed \(last)")
                try expect(current == next, "acquired \(next), but \(current) is in force")
                last = next
            }
        },
        Check("a deposed leader changes nothing and learns who holds the epoch") { store in
            let old = try await store.acquireEpoch()
            try await store.commit(Batch(epoch: old, writes: [put(.member, "a", "1"), put(.member, "b", "1")]))
            let new = try await store.acquireEpoch()
            let writes = [put(.member, "a", "2"), .delete(RecordKey(.member, "b")), put(.member, "c", "1")]
            let late = Batch(epoch: old, writes: writes)
            try await expectFenced(store, late, by: new)
            try await expect(store, .member, holds: [("a", "1"), ("b", "1")])
            try await store.commit(Batch(epoch: new, writes: [put(.member, "a", "3")]))
            try await expect(store, .member, holds: [("a", "3"), ("b", "1")])
        },
        Check("a leader raises its epoch above one that was met, and one that was deposed does not") { store in
            let old = try await store.acquireEpoch()
            let raised = try await store.raiseEpoch(from: old, above: old + 40)
            try expect(raised > old + 40, "\(raised) does not exceed \(old + 40)")
            let higher = try await store.raiseEpoch(from: raised, above: 1)
            try expect(higher > raised, "\(higher) does not exceed \(raised)")
            do {
                _ = try await store.raiseEpoch(from: old, above: higher + 5)
                throw Unmet(description: "a deposed leader raised the epoch")
            } catch StoreError.fenced(let holder) {
                try expect(holder == higher, "fenced by \(holder), not \(higher)")
            }
            let current = try await store.currentEpoch()
            try expect(current == higher, "\(current) is in force, not \(higher)")
        },
        Check("a batch of an epoch that nobody acquired is refused") { store in
            try await expectFenced(store, Batch(epoch: 9, writes: [put(.hint, "a", "1")]), by: 0)
            try await expect(store, .hint, holds: [])
        },
        Check("of leaders that commit at the same time, only the one of the last epoch is stored") { store in
            var epochs: [Epoch] = []
            for _ in 0..<3 { epochs.append(try await store.acquireEpoch()) }
            await withTaskGroup { group in
                for epoch in epochs {
                    group.addTask {
                        let writes = (0..<8).map { put(.cluster, "\($0)", "\(epoch)") }
                        // try?: two of the three must fail; what is stored afterwards is what counts.
                        _ = try? await store.commit(Batch(epoch: epoch, writes: writes))
                    }
                }
            }
            try await expect(store, .cluster, holds: (0..<8).map { ("\($0)", "\(epochs[2])") })
        },
    ]
}

// MARK: snapshots

extension StoreConformance {
    private static let snapshots: [Check] = [
        Check("a snapshot has every record once, and the epoch") { store in
            let epoch = try await store.acquireEpoch()
            var expected: [Record] = []
            for kind in RecordKind.allCases {
                let large = [UInt8](repeating: 7, count: 100_000)
                let records = (0..<7).map { Record(key: RecordKey(kind, "\($0)"), bytes: large + [UInt8($0)]) }
                try await store.commit(Batch(epoch: epoch, writes: records.map { .put($0.key, $0.bytes) }))
                expected += records
            }
            let snapshot = try await store.snapshot()
            let found = try await records(of: snapshot)
            try expect(snapshot.epoch == epoch, "its epoch is \(snapshot.epoch), not \(epoch)")
            try expect(found.count == expected.count, "\(found.count) records, not \(expected.count)")
            try expect(Set(found) == Set(expected), "the records are others")
            let more = try await snapshot.next()
            try expect(more.isEmpty, "something comes after its end")
        },
        Check("a snapshot of an empty store has nothing") { store in
            let snapshot = try await store.snapshot()
            let found = try await records(of: snapshot)
            try expect(snapshot.epoch == 0 && found.isEmpty, "it has \(found.count) records")
        },
        Check("what is committed while a snapshot is read is not in it") { store in
            let epoch = try await store.acquireEpoch()
            let old = (0..<200).map { put(.hint, "\($0)", "old") }
            try await store.commit(Batch(epoch: epoch, writes: old))
            let snapshot = try await store.snapshot()
            let next = try await store.acquireEpoch()
            let changes = [put(.hint, "1", "new"), .delete(RecordKey(.hint, "2")), put(.hint, "x", "1")]
            try await store.commit(Batch(epoch: next, writes: changes))
            let found = try await records(of: snapshot)
            try expect(snapshot.epoch == epoch, "its epoch is \(snapshot.epoch), not \(epoch)")
            let isOld = found.allSatisfy { $0.bytes == Array("old".utf8) }
            try expect(found.count == 200 && isOld, "it has \(found.count) records, or newer ones")
        },
    ]

    private static func records(of snapshot: any StoreSnapshot) async throws -> [Record] {
        var records: [Record] = []
        while case let page = try await snapshot.next(), !page.isEmpty { records += page }
        return records
    }
}

// MARK: words

extension StoreConformance {
    private static func put(_ kind: RecordKind, _ id: String, _ text: String) -> Write {
        .put(RecordKey(kind, id), Array(text.utf8))
    }

    private static func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(Unmet) {
        guard condition else { throw Unmet(description: otherwise()) }
    }

    private static func expect(
        _ store: any StateStore,
        _ kind: RecordKind,
        holds expected: [(id: String, text: String)]
    ) async throws {
        let records = try await store.list(kind)
        let wanted = expected.map { Record(key: RecordKey(kind, $0.id), bytes: Array($0.text.utf8)) }
        let found = records.map { "\($0.key.id)=\(String(decoding: $0.bytes.prefix(40), as: UTF8.self))" }
        try expect(records == wanted, "expected \(expected) under \(kind), found \(found)")
    }

    private static func expectTooLarge(_ store: any StateStore, _ batch: Batch) async throws {
        do {
            try await store.commit(batch)
        } catch StoreError.tooLarge {
            return
        }
        throw Unmet(description: "a batch over the limits was stored")
    }

    private static func expectFenced(_ store: any StateStore, _ batch: Batch, by epoch: Epoch) async throws {
        do {
            try await store.commit(batch)
        } catch StoreError.fenced(let winner) {
            return try expect(winner == epoch, "fenced by \(winner), not by \(epoch)")
        }
        throw Unmet(description: "a batch of a foreign epoch was stored")
    }
}
