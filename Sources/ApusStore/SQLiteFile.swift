import Dispatch
import Foundation
import GRDB

/// What every database file of a state directory needs: it is its owner's alone, its commits last, its failures are told
/// in the store's terms, and nothing of it blocks the caller's thread.
enum SQLiteFile {
    /// Makes the file before SQLite does, for its owner only; the files beside it (WAL) take on its permissions.
    static func make(_ path: String) throws(StoreError) {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("creating", path) }
        defer { _ = Foundation.close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw .system("protecting", path) }
    }

    /// GRDB sets NORMAL with WAL, which may lose acknowledged commits in a power cut.
    ///
    /// So FULL is set once the pool is open, and read back: SQLite ignores it silently where it cannot obey.
    static func makeCommitsLast(_ db: Database) throws {
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
