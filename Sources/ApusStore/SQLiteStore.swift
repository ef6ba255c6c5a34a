package import ApusEngine
package import ApusModel
import Foundation
import GRDB

/// The store of a single machine: one SQLite file in the locked state directory.
///
/// The directory's lock is the lease of leadership and never lapses; the epoch is a row, raised at each start. A commit
/// has reached the disk when it returns (`synchronous=FULL`). No call blocks the caller's thread.
package final class SQLiteStore: StateStore {
    /// The file's name in the state directory.
    package static let fileName = "state.db"

    let pool: DatabasePool
    /// Kept so that the lock lasts as long as the store.
    private let directory: StateDirectory

    private init(pool: DatabasePool, directory: StateDirectory) {
        self.pool = pool
        self.directory = directory
    }

    /// Opens the store, or makes an empty one, and brings its schema up to date.
    ///
    /// - Throws: `corrupt` if the file is not a store or is damaged, `unavailable` if it cannot be used as it must be:
    ///   it was written by a later version, or commits could not be made to last.
    package static func open(in directory: StateDirectory) async throws(StoreError) -> SQLiteStore {
        try await open(in: directory, named: fileName)
    }

    static func open(in directory: StateDirectory, named name: String) async throws(StoreError) -> SQLiteStore {
        let path = directory.path(of: name)
        // Reads happen at a change of leader.
        let pool = try await SQLiteFile.open(path, label: "apus.store", readers: 1, schema: schema)
        return SQLiteStore(pool: pool, directory: directory)
    }

    /// Ends all connections.
    ///
    /// Calls after it throw `unavailable`; the directory stays locked.
    package func close() async throws(StoreError) {
        try await SQLiteFile.close(pool, at: pool.path)
    }

    package func list(_ kind: RecordKind) async throws(StoreError) -> [ApusEngine.Record] {
        try await reading { db in
            let sql = "SELECT id, bytes FROM record WHERE kind = ? ORDER BY id"
            return try Row.fetchAll(db, sql: sql, arguments: [kind.rawValue]).map { row in
                ApusEngine.Record(key: RecordKey(kind, row[0]), bytes: [UInt8](row[1] as Data))
            }
        }
    }

    package func commit(_ batch: Batch) async throws(StoreError) {
        try batch.checkLimits()
        try await writing { db in
            let epoch = try Self.epoch(db)
            guard epoch == batch.epoch else { throw StoreError.fenced(by: epoch) }
            let put = try db.cachedStatement(
                sql: """
                    INSERT INTO record (kind, id, bytes) VALUES (?, ?, ?)
                    ON CONFLICT (kind, id) DO UPDATE SET bytes = excluded.bytes
                    """
            )
            let delete = try db.cachedStatement(sql: "DELETE FROM record WHERE kind = ? AND id = ?")
            for write in batch.writes {
                let key = write.key
                switch write {
                case .put(_, let bytes): try put.execute(arguments: [key.kind.rawValue, key.id, Data(bytes)])
                case .delete: try delete.execute(arguments: [key.kind.rawValue, key.id])
                }
            }
        }
    }

    package func acquireEpoch() async throws(StoreError) -> Epoch {
        try await writing { db in
            try db.execute(sql: "UPDATE epoch SET value = value + 1")
            return try Self.epoch(db)
        }
    }

    package func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await writing { db in
            let epoch = try Self.epoch(db)
            guard epoch == held else { throw StoreError.fenced(by: epoch) }
            try db.execute(sql: "UPDATE epoch SET value = ?", arguments: [max(held, met) + 1])
            return try Self.epoch(db)
        }
    }

    package func currentEpoch() async throws(StoreError) -> Epoch {
        try await reading { try Self.epoch($0) }
    }

    private func reading<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        try await SQLiteFile.storeErrors(pool.path) { try await pool.read(body) }
    }

    private func writing<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        try await SQLiteFile.storeErrors(pool.path) { try await pool.write(body) }
    }

    static func epoch(_ db: Database) throws -> Epoch {
        guard let epoch = try Epoch.fetchOne(db, sql: "SELECT value FROM epoch") else {
            throw StoreError.corrupt(reason: "the epoch is missing")
        }
        return epoch
    }
}

// MARK: schema

extension SQLiteStore {
    private static var schema: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 records and epoch") { db in
            try db.execute(
                sql: """
                    CREATE TABLE record (
                        kind TEXT NOT NULL, id TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (kind, id)
                    ) STRICT;
                    CREATE TABLE epoch (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL) STRICT;
                    INSERT INTO epoch VALUES (1, 0);
                    """
            )
        }
        return migrator
    }
}
