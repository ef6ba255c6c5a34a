import ApusEngine
import ApusModel

/// Records that outlive every controller; when a commit fails is decided outside.
struct SimulatedStore: Sendable {
    var epoch: Epoch = 0
    private(set) var records: [RecordKey: [UInt8]] = [:]
    /// The same, read once: a record that cannot be read is missing.
    private var read: [RecordKey: JSON] = [:]

    /// The next leadership's number.
    mutating func acquireEpoch() -> Epoch {
        epoch += 1
        return epoch
    }

    /// Stores the batch; false if its epoch is not the one in force.
    mutating func apply(_ batch: Batch) -> Bool {
        guard batch.epoch == epoch else { return false }
        for write in batch.writes {
            switch write {
            case .put(let key, let bytes):
                records[key] = bytes
                read[key] = JSON(reading: bytes)
            case .delete(let key):
                records[key] = nil
                read[key] = nil
            }
        }
        return true
    }

    /// All records, in the order of their keys.
    var all: [Record] {
        records.keys.sorted().map { Record(key: $0, bytes: records[$0] ?? []) }
    }

    /// Whether a hint record of the executor, which has one for every few instances, names the instance.
    func holdsAssignment(of instance: InstanceID, on executor: ExecutorID) -> Bool {
        records.keys.contains { key in
            guard key.kind == .hint, key.id == executor.rawValue || key.id.hasPrefix("\(executor)/"),
                case .array(let listed)? = json(key)?["instances"]
            else { return false }
            return listed.contains { $0["id"] == instance.json }
        }
    }

    /// The record as JSON; `nil` if there is none or it cannot be read.
    func json(_ key: RecordKey) -> JSON? { read[key] }
}
