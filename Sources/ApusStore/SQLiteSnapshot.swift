import ApusEngine
import ApusModel
import Foundation
import GRDB
import Synchronization

extension SQLiteStore {
    /// A transaction that reads: commits go on beside it.
    ///
    /// It ends with the last reference.
    package func snapshot() async throws(StoreError) -> any StoreSnapshot {
        // Of a closed store too a snapshot could be had.
        _ = try await currentEpoch()
        let pool = pool
        return try await SQLiteFile.storeErrors(pool.path) {
            let frozen = try await SQLiteFile.offThePool { try pool.makeSnapshot() }
            return SQLiteSnapshot(frozen, epoch: try await frozen.read { try Self.epoch($0) })
        }
    }
}

/// By kind and id, as SQLite compares them.
private final class SQLiteSnapshot: StoreSnapshot {
    /// A page ends with the record that comes to so much.
    private static let pageBytes = 512 << 10

    let epoch: Epoch
    private let frozen: DatabaseSnapshot
    /// The kind and the id of the last record that was read.
    private let last = Mutex((kind: "", id: ""))

    init(_ frozen: DatabaseSnapshot, epoch: Epoch) {
        self.frozen = frozen
        self.epoch = epoch
    }

    func next() async throws(StoreError) -> [ApusEngine.Record] {
        let last = last.withLock(\.self)
        let page = try await SQLiteFile.storeErrors(frozen.path) {
            try await frozen.read { try Self.page(after: last, $0) }
        }
        if let key = page.last?.key { self.last.withLock { $0 = (key.kind.rawValue, key.id) } }
        return page
    }

    private static func page(after last: (kind: String, id: String), _ db: Database) throws -> [ApusEngine.Record] {
        let sql = "SELECT kind, id, bytes FROM record WHERE (kind, id) > (?, ?) ORDER BY kind, id"
        let rows = try Row.fetchCursor(db, sql: sql, arguments: [last.kind, last.id])
        var (page, bytes): ([ApusEngine.Record], Int) = ([], 0)
        while bytes < pageBytes, let row = try rows.next() {
            let name: String = row[0]
            guard let kind = RecordKind(rawValue: name) else {
                throw StoreError.corrupt(reason: "there is a record of the kind \(name), which is not known")
            }
            let record = ApusEngine.Record(key: RecordKey(kind, row[1]), bytes: [UInt8](row[2] as Data))
            page.append(record)
            bytes += record.bytes.count
        }
        return page
    }
}
