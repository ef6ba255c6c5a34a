package import ApusEngine
package import ApusModel
import Synchronization

/// What a store held at one moment, read a page at a time while the store goes on; one reader reads it once.
package protocol StoreSnapshot: Sendable {
    /// The epoch that was in force then.
    var epoch: Epoch { get }

    /// The next records, in an order of the store's own and no more than are to be held at a time; none at the end.
    func next() async throws(StoreError) -> [Record]
}

extension StateStore {
    /// By the lists of all kinds, which are held in memory: whoever holds the epoch must not commit meanwhile.
    package func snapshot() async throws(StoreError) -> any StoreSnapshot {
        let epoch = try await currentEpoch()
        var records: [Record] = []
        for kind in RecordKind.allCases { records += try await list(kind) }
        let later = try await currentEpoch()
        guard later == epoch else { throw .fenced(by: later) }
        return ListedSnapshot(records, epoch: epoch)
    }
}

/// Records that were all read at once.
private final class ListedSnapshot: StoreSnapshot {
    private static let pageRecords = 64

    let epoch: Epoch
    private let rest: Mutex<ArraySlice<Record>>

    init(_ records: [Record], epoch: Epoch) {
        self.epoch = epoch
        rest = Mutex(records[...])
    }

    func next() async throws(StoreError) -> [Record] {
        rest.withLock { rest in
            defer { rest = rest.dropFirst(Self.pageRecords) }
            return Array(rest.prefix(Self.pageRecords))
        }
    }
}
