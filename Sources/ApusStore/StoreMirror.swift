package import ApusEngine
import Synchronization

/// All records as they were read or committed last; but for a snapshot nobody else holds them, so that a change copies none.
struct StoreMirror: Sendable {
    /// Of one kind, by id.
    typealias Records = [String: [UInt8]]

    private(set) var turn: Int64
    private(set) var birth: NodeFacts.Birth
    private var records: [RecordKind: Records] = [:]
    /// Of each kind of which there is or was one; kept up with each change, for two million are not counted at once.
    private(set) var totals: [RecordKind: StoreTotals] = [:]

    init(_ changes: StoreChanges) {
        (turn, birth) = (changes.turn, changes.birth)
        apply(changes)
    }

    mutating func apply(_ changes: StoreChanges) {
        (turn, birth) = (changes.turn, changes.birth)
        if changes.isWhole { (records, totals) = ([:], [:]) }
        for write in changes.writes {
            switch write {
            case .put(let key, let bytes):
                let old = records[key.kind, default: [:]].updateValue(bytes, forKey: key.id)
                totals[key.kind, default: StoreTotals()].replace(old, by: bytes)
            case .delete(let key):
                let old = records[key.kind, default: [:]].removeValue(forKey: key.id)
                totals[key.kind, default: StoreTotals()].replace(old, by: nil)
            }
        }
    }

    func records(_ kind: RecordKind) -> Records { records[kind] ?? [:] }
}

extension StoreMirror.Records {
    func listed(as kind: RecordKind) -> [Record] {
        map { Record(key: RecordKey(kind, $0.key), bytes: $0.value) }.sorted { $0.key.id < $1.key.id }
    }
}

extension ZooKeeperStore {
    /// How much there is of each kind; `nil` while not all records are at hand.
    package var totals: [RecordKind: StoreTotals]? { state.withLock { $0.mirror?.totals } }
}
