package import ApusModel

/// The kinds of records that a `StateStore` keeps (`docs/architecture.md` §3).
package enum RecordKind: String, Sendable, CaseIterable {
    /// A specification, its expected count and the operation under way; id: the application's.
    case application
    /// A local service: its specification, its activation and the operation under way; id: the service's.
    case localService
    /// An admitted executor; id: the executor's.
    case member
    /// What one executor was assigned and last seen running; id: the executor's.
    case hint
    /// A page of ended instances; id: `<application>/<page>` or `services/<local service>/<page>`.
    case ended
    /// A task's specification, its assignment and its result; id: `<source application>/<task>`.
    case task
    /// Facts about the whole cluster.
    case cluster
}

/// Where a record stands.
package struct RecordKey: Hashable, Comparable, Sendable {
    package var kind: RecordKind
    package var id: String

    package init(_ kind: RecordKind, _ id: String) {
        self.kind = kind
        self.id = id
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
    }
}

/// A record as it was read.
package struct Record: Hashable, Sendable {
    /// The largest record any store takes: a ZooKeeper request must stay under 1 MB.
    package static let maximumBytes = 256 * 1024

    package var key: RecordKey
    package var bytes: [UInt8]

    package init(key: RecordKey, bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }
}

/// One change of a batch.
package enum Write: Hashable, Sendable {
    case put(RecordKey, [UInt8])
    case delete(RecordKey)

    package var key: RecordKey {
        switch self {
        case .put(let key, _), .delete(let key): key
        }
    }

    /// Key and content together, and what it costs a store besides.
    fileprivate var byteCount: Int {
        let content = if case .put(_, let bytes) = self { bytes.count } else { 0 }
        return content + key.id.utf8.count + key.kind.rawValue.utf8.count + Batch.bytesPerWrite
    }
}

/// Changes that are stored together or not at all, and only while `epoch` is the store's.
///
/// Repeating a batch changes nothing: it holds whole records, never differences.
package struct Batch: Hashable, Sendable {
    /// The largest batch any store takes.
    package static let maximumBytes = 768 * 1024
    /// What a write costs beside its key and content: in ZooKeeper, a path and who may use it.
    package static let bytesPerWrite = 128

    package var epoch: Epoch
    package var writes: [Write]

    package init(epoch: Epoch, writes: [Write]) {
        self.epoch = epoch
        self.writes = writes
    }

    /// The writes in their order, in batches that a store takes; none if there are none.
    package static func all(of writes: [Write], at epoch: Epoch) -> [Batch] {
        all(of: writes.map { [$0] }, at: epoch)
    }

    /// The same; those of one group, of which each must fit, are in one batch.
    package static func all(of groups: [[Write]], at epoch: Epoch) -> [Batch] {
        var batches: [Batch] = []
        var batch = Batch(epoch: epoch, writes: [])
        var bytes = 0
        for group in groups {
            let size = group.reduce(0) { $0 + $1.byteCount }
            if bytes + size > maximumBytes {
                batches.append(batch)
                batch.writes = []
                bytes = 0
            }
            batch.writes += group
            bytes += size
        }
        if !batch.writes.isEmpty { batches.append(batch) }
        return batches
    }

    /// Keys and contents together, and what each write costs a store besides.
    package var byteCount: Int { writes.reduce(0) { $0 + $1.byteCount } }
}
