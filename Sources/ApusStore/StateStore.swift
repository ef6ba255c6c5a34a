package import ApusEngine
package import ApusModel

/// What survives the controller: records by kind and id, and one epoch that fences off every earlier leader.
///
/// Every conformer keeps the same contract, checked by `StoreConformance`:
/// - `commit` stores a batch whole or not at all, and only while the batch's epoch is the store's;
/// - what `commit` returned for is there after a crash or a power cut;
/// - a batch may be repeated: the second time changes nothing;
/// - the limits of `Record.maximumBytes` and `Batch.maximumBytes` hold everywhere.
package protocol StateStore: Sendable {
    /// All records of a kind, by ascending id.
    func list(_ kind: RecordKind) async throws(StoreError) -> [Record]

    /// Has at hand what `snapshot` takes long to get; commits may go on meanwhile.
    func prepareSnapshot() async throws(StoreError)

    /// All records and the epoch as of one moment, in which no batch is half.
    ///
    /// Prepared, it takes no longer than a commit. Whoever commits under the epoch asks for it between two batches, and does
    /// not commit before it is there.
    func snapshot() async throws(StoreError) -> any StoreSnapshot

    /// Stores the batch, whole or not at all.
    ///
    /// - Throws: `fenced` if another epoch is the store's, `tooLarge` for a batch over the limits; nothing was stored then.
    ///   After `unavailable` the outcome is unknown: repeat the batch unchanged before any other.
    func commit(_ batch: Batch) async throws(StoreError)

    /// Raises the epoch, so that every batch of an earlier one is refused from now on.
    ///
    /// - Returns: the new epoch, strictly greater than all before it.
    func acquireEpoch() async throws(StoreError) -> Epoch

    /// Raises the epoch of the leader that holds `held` above one that an executor has met.
    ///
    /// - Returns: the new epoch, greater than both.
    /// - Throws: `fenced` if another epoch is the store's; nothing was changed then.
    func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch

    /// The epoch in force; 0 before the first was acquired.
    func currentEpoch() async throws(StoreError) -> Epoch
}

extension StateStore {
    /// All records, one kind after the other; those of a batch together only while nobody commits.
    package func records() async throws(StoreError) -> [Record] {
        var records: [Record] = []
        for kind in RecordKind.allCases { records += try await list(kind) }
        return records
    }
}

extension Batch {
    /// Refuses what some store could not take, so that no store takes it.
    package func checkLimits() throws(StoreError) {
        for case .put(let key, let bytes) in writes where bytes.count > Record.maximumBytes {
            throw .tooLarge(what: "record \(key.kind) \(key.id)", size: bytes.count, limit: Record.maximumBytes)
        }
        let size = byteCount
        guard size <= Batch.maximumBytes else {
            throw .tooLarge(what: "batch of \(writes.count) writes", size: size, limit: Batch.maximumBytes)
        }
    }
}
