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
    /// Nothing is needed.
    package func prepareSnapshot() async throws(StoreError) {}

    /// By the lists of all kinds, which are held in memory: whoever holds the epoch must not commit meanwhile.
    package func snapshot() async throws(StoreError) -> any StoreSnapshot {
        let epoch = try await currentEpoch()
        var lists: [RecordKind: [Record]] = [:]
        for kind in RecordKind.allCases { lists[kind] = try await list(kind) }
        let later = try await currentEpoch()
        guard later == epoch else { throw .fenced(by: later) }
        return ListedSnapshot(epoch: epoch) { [lists] in lists[$0] ?? [] }
    }
}

/// Records that are all in memory, by kind and id.
final class ListedSnapshot: StoreSnapshot {
    private static let pageRecords = 64

    private struct Rest {
        var kinds = RecordKind.allCases[...]
        /// Of the kind that is being read.
        var records: ArraySlice<Record> = []
    }

    let epoch: Epoch
    private let list: @Sendable (RecordKind) -> [Record]
    private let rest = Mutex(Rest())

    /// `list` is asked once for each kind, when it is its turn.
    init(epoch: Epoch, list: @escaping @Sendable (RecordKind) -> [Record]) {
        (self.epoch, self.list) = (epoch, list)
    }

    func next() async throws(StoreError) -> [Record] {
        rest.withLock { rest in
            while rest.records.isEmpty {
                guard let kind = rest.kinds.popFirst() else { return [] }
                rest.records = list(kind)[...]
            }
            defer { rest.records = rest.records.dropFirst(Self.pageRecords) }
            return Array(rest.records.prefix(Self.pageRecords))
        }
    }
}
