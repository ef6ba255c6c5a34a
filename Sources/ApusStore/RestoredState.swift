package import ApusEngine
package import ApusModel

/// What an export held, as a store is to hold it again: under a greater epoch, and RESTORED until people confirm it.
package struct RestoredState: Sendable {
    /// A store that has this record holds half an import: nobody may lead by it.
    package static let marker = RecordKey(.cluster, "import")
    /// What is said of such a store.
    package static let halfImported =
        "an import into this store did not come to its end: unless it is under way, do it again with "
        + "`apus store import --replace`"

    package let header: ExportHeader
    private let facts: ClusterFacts
    /// All but the facts.
    private let records: [Record]

    /// Takes the records of an export that was read to its end.
    ///
    /// - Throws: `JSONError` if the facts of the cluster cannot be read.
    package init(_ header: ExportHeader, _ records: [Record]) throws(JSONError) {
        self.header = header
        self.records = records.filter { $0.key != ClusterFacts.key }
        facts =
            if let record = records.first(where: { $0.key == ClusterFacts.key }) {
                try ClusterFacts(record: try JSON(parsing: record.bytes))
            } else {
                ClusterFacts()
            }
    }

    /// Puts it into a store in place of all that is there, in many batches: until the last, which takes the marker away,
    /// nobody leads by the store, and the same call may be made again.
    ///
    /// - Parameters:
    ///   - store: that of a cluster whose controllers do not run.
    ///   - floor: another epoch that the new one is to be greater than.
    /// - Returns: the epoch that the store has then.
    /// - Throws: what the store throws; it is marked then, unless nothing was changed.
    package func put(into store: any StateStore, above floor: Epoch = 0) async throws(StoreError) -> Epoch {
        let held = try await store.acquireEpoch()
        let epoch = try await store.raiseEpoch(from: held, above: max(header.epoch, floor))
        try await put(into: store, at: epoch)
        return epoch
    }

    /// The same under an epoch that the store has already, greater than the export's.
    func put(into store: any StateStore, at epoch: Epoch) async throws(StoreError) {
        var gone: Set<RecordKey> = []
        for kind in RecordKind.allCases { gone.formUnion(try await store.list(kind).map(\.key)) }
        gone.subtract(records.map(\.key) + [Self.marker, ClusterFacts.key])
        let marker: JSON = ["schema": 1, "cluster": header.cluster.json, "time": header.time.json]
        try await store.commit(Batch(epoch: epoch, writes: [.put(Self.marker, marker.bytes)]))
        let writes = gone.sorted().map(Write.delete) + records.map { .put($0.key, $0.bytes) }
        for batch in Batch.all(of: writes, at: epoch) { try await store.commit(batch) }
        var restored = facts
        restored.restoration = Restoration(epoch: epoch)
        try await store.commit(
            Batch(epoch: epoch, writes: [.put(ClusterFacts.key, restored.record.bytes), .delete(Self.marker)])
        )
    }
}
