package import ApusEngine
package import ApusModel
import Dispatch
import Foundation
import GRDB

/// The store of a single machine: one SQLite file in the locked state directory.
///
/// The directory's lock is the lease of leadership and never lapses; the epoch is a row, raised at each start. A commit
/// has reached the disk when it returns (`synchronous=FULL`). No call blocks the caller's thread.
package final class SQLiteStore: StateStore {
    /// The file's name in the state directory.
    package static let fileName = "state.db"

    private let pool: DatabasePool
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
        let path = "\(directory.path)/\(fileName)"
        return try await storeErrors(path) {
            try await offThePool {
                try makeFile(path)
                let pool = try DatabasePool(path: path, configuration: configuration())
                try pool.writeWithoutTransaction { try makeCommitsLast($0) }
                try migrate(pool)
                return SQLiteStore(pool: pool, directory: directory)
            }
        }
    }

    /// Ends all connections.
    ///
    /// Calls after it throw `unavailable`; the directory stays locked.
    package func close() async throws(StoreError) {
        let pool = pool
        try await Self.storeErrors(pool.path) {
            try await Self.offThePool { try pool.close() }
        }
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
        try await Self.storeErrors(pool.path) { try await pool.read(body) }
    }

    private func writing<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        try await Self.storeErrors(pool.path) { try await pool.write(body) }
    }

    private static func epoch(_ db: Database) throws -> Epoch {
        guard let epoch = try Epoch.fetchOne(db, sql: "SELECT value FROM epoch") else {
            throw StoreError.corrupt(reason: "the epoch is missing")
        }
        return epoch
    }
}

// MARK: opening

extension SQLiteStore {
    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "apus.store"
        // Only a backup or a curious `sqlite3` shell can hold the file besides us, and not for long.
        configuration.busyMode = .timeout(5)
        // Reads happen at a change of leader; each connection costs up to 2 MB of cache.
        configuration.maximumReaderCount = 1
        return configuration
    }

    /// Makes the file before SQLite does, for its owner only; the files beside it (WAL) take on its permissions.
    private static func makeFile(_ path: String) throws(StoreError) {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("creating", path) }
        defer { _ = Foundation.close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw .system("protecting", path) }
    }

    /// GRDB sets NORMAL with WAL, which may lose acknowledged commits in a power cut.
    ///
    /// So FULL is set once the pool is open, and read back: SQLite ignores it silently where it cannot obey.
    private static func makeCommitsLast(_ db: Database) throws {
        try db.execute(sql: "PRAGMA synchronous = FULL")
        let full = 2
        let level = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        guard level == full else {
            throw StoreError.unavailable(reason: "synchronous=FULL was not accepted (it is \(level ?? -1))")
        }
    }

    private static func migrate(_ pool: DatabasePool) throws {
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
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw StoreError.unavailable(reason: "it was written by a later version of Apus; start that version")
        }
        try migrator.migrate(pool)
    }
}

// MARK: errors and threads

extension SQLiteStore {
    /// Gives every failure the store's own terms, with the file and SQLite's reason.
    private static func storeErrors<T: Sendable>(
        _ path: String,
        _ body: () async throws -> T
    ) async throws(StoreError) -> T {
        do {
            return try await body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            let reason = "\(path): \(error.message ?? "SQLite error \(error.extendedResultCode.rawValue)")"
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_MISMATCH: throw .corrupt(reason: reason)
            default: throw .unavailable(reason: reason)
            }
        } catch {
            throw .unavailable(reason: "\(path): \(error)")
        }
    }

    /// Runs blocking work on a thread of its own; GRDB opens and closes only synchronously.
    private static func offThePool<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try body() })
            }
        }
    }
}
