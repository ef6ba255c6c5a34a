import Dispatch
import Foundation
import GRDB

/// What every database file of a state directory needs: it is its owner's alone, its commits last, its failures are told
/// in the store's terms, and nothing of it blocks the caller's thread.
enum SQLiteFile {
    /// Opens the database, or makes an empty one, and brings its schema up to date.
    ///
    /// - Throws: `corrupt` if the file is none or is damaged, `unavailable` if it cannot be used as it must be: a later
    ///   version wrote it, or commits could not be made to last.
    static func open(
        _ path: String,
        label: String,
        readers: Int,
        schema: DatabaseMigrator
    ) async throws(StoreError) -> DatabasePool {
        try await storeErrors(path) {
            try await offThePool {
                try make(path)
                let configuration = configuration(label: label, readers: readers)
                let pool = try DatabasePool(path: path, configuration: configuration)
                try pool.writeWithoutTransaction { try makeCommitsLast($0) }
                try bring(pool, at: path, to: schema)
                return pool
            }
        }
    }

    static func configuration(label: String, readers: Int) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        // Only a backup or a curious `sqlite3` shell can hold the file besides us, and not for long.
        configuration.busyMode = .timeout(5)
        // Each connection costs up to 2 MB of cache.
        configuration.maximumReaderCount = readers
        return configuration
    }

    static func bring(_ database: any DatabaseWriter, at path: String, to schema: DatabaseMigrator) throws {
        let unknown = try database.read { try schema.appliedIdentifiers($0) }.subtracting(schema.migrations)
        guard unknown != [SQLiteStore.placeholder] else {
            throw StoreError.unavailable(
                reason:
                    "\(path) says that the state is in ZooKeeper: start the controller with --zookeeper, or give another "
                    + "directory with --state"
            )
        }
        guard unknown.isEmpty else {
            throw StoreError.unavailable(
                reason: "\(path) was written by a later version of Apus; start that version"
            )
        }
        try schema.migrate(database)
    }

    /// Ends all connections.
    static func close(_ database: any DatabaseWriter, at path: String) async throws(StoreError) {
        try await storeErrors(path) {
            try await offThePool { try database.close() }
        }
    }

    /// Makes the file before SQLite does, for its owner only; the files beside it (WAL) take on its permissions.
    private static func make(_ path: String) throws(StoreError) {
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

    /// Gives every failure the store's own terms, with the file and SQLite's reason.
    static func storeErrors<T: Sendable>(
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
    static func offThePool<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try body() })
            }
        }
    }
}
