import ApusEngine

/// Of several writes to one record the last.
struct LastWrites {
    private(set) var keys: [RecordKey] = []
    private(set) var puts: [(path: String, bucket: String, bytes: [UInt8])] = []
    /// The paths of what is to be deleted.
    private(set) var deleted: [String] = []

    init(_ writes: [Write]) {
        var seen: Set<RecordKey> = []
        for write in writes.reversed() where seen.insert(write.key).inserted {
            keys.append(write.key)
            let path = ZooKeeperTree.record(write.key)
            switch write {
            case .put(let key, let bytes): puts.append((path, ZooKeeperTree.bucket(of: key), bytes))
            case .delete: deleted.append(path)
            }
        }
    }
}

/// A batch as one `multi`: the fence, the turn and its log, the records.
struct CommitPlan {
    /// A request must stay under 1 MB, and one over it reads as a lost connection; the rest is for its head.
    private static let mostBytes = 0xfffff - 1024

    let changes: [NodeChange]
    /// The nodes that are there afterwards; what is deleted is not.
    let written: [String]
    let deleted: [String]
    /// All nodes that it hangs on.
    let touched: [String]
    let nextTurn: ZooKeeperStore.TurnMark

    init(_ writes: LastWrites, fence: Int32, turn: ZooKeeperStore.TurnMark, present: Set<String>) {
        var changes: [NodeChange] = [.check(ZooKeeperTree.epoch, version: fence)]
        var written: [String] = []
        func put(_ path: String, _ bytes: [UInt8]) {
            changes.append(present.contains(path) ? .set(path, bytes) : .create(path, bytes))
            written.append(path)
        }
        // An empty batch asks only whether the epoch is in force.
        if writes.keys.isEmpty {
            nextTurn = turn
        } else {
            nextTurn = .init(number: turn.number + 1, version: turn.version &+ 1, birth: turn.birth)
            let entry = TurnEntry(turn: nextTurn.number, keys: writes.keys)
            changes.append(.set(ZooKeeperTree.turn, Array("\(nextTurn.number)".utf8), version: turn.version))
            put(ZooKeeperTree.slot(of: nextTurn.number), entry.bytes)
        }
        let buckets = Set(writes.puts.map(\.bucket))
        for bucket in buckets.subtracting(present).sorted() { put(bucket, []) }
        for (path, _, bytes) in writes.puts { put(path, bytes) }
        deleted = writes.deleted.filter { present.contains($0) }
        self.changes = changes + deleted.map { .delete($0) }
        self.written = written
        touched = written + deleted + buckets.intersection(present)
    }

    func checkLimit(chroot: Int) throws(StoreError) {
        let size = changes.reduce(0) { $0 + $1.requestBytes(chroot: chroot) }
        guard size <= Self.mostBytes else {
            throw .tooLarge(what: "batch of \(changes.count) changes for ZooKeeper", size: size, limit: Self.mostBytes)
        }
    }
}
