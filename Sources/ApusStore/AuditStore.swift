package import ApusModel
import GRDB
import Synchronization

/// The audit log of one controller: entries in order, in a SQLite file of its own in the state directory.
///
/// Sequences rise over restarts and are never used again. What `append` returned for outlives a crash. No call blocks
/// the caller's thread. Where there are several controllers each has what the others noted too: `AuditStore+others.swift`.
package final class AuditStore: Sendable {
    /// The file's name in the state directory.
    package static let fileName = "audit.sqlite"

    let database: any DatabaseWriter
    let path: String
    /// Kept so that the lock lasts as long as the log; `nil` in memory.
    private let directory: StateDirectory?
    /// GRDB does not look itself: what is asked of a closed queue would go to freed memory.
    private let isClosed = Atomic(false)
    private let changed = Atomic(Int64.random(in: 0..<(1 << 52)))

    private init(_ database: any DatabaseWriter, at path: String, in directory: StateDirectory?) {
        self.database = database
        self.path = path
        self.directory = directory
    }

    /// Opens the log, or makes an empty one.
    ///
    /// - Throws: `corrupt` if the file is none, `unavailable` if it cannot be used or a later version wrote it.
    package static func open(in directory: StateDirectory) async throws(StoreError) -> AuditStore {
        let path = "\(directory.path)/\(fileName)"
        let pool = try await SQLiteFile.open(path, label: label, readers: 2, schema: schema)
        try await SQLiteFile.storeErrors(path) { try await pool.write { try extend($0) } }
        return AuditStore(pool, at: path, in: directory)
    }

    /// One that ends with its last reference: for tests.
    package static func inMemory() async throws(StoreError) -> AuditStore {
        let name = "the audit log in memory"
        return try await SQLiteFile.storeErrors(name) {
            try await SQLiteFile.offThePool {
                let queue = try DatabaseQueue(configuration: SQLiteFile.configuration(label: label, readers: 1))
                try SQLiteFile.bring(queue, at: name, to: schema)
                try queue.write { try extend($0) }
                return AuditStore(queue, at: name, in: nil)
            }
        }
    }

    /// Ends all connections; calls after it throw `unavailable`.
    package func close() async throws(StoreError) {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        try await SQLiteFile.close(database, at: path)
    }

    // MARK: writing

    /// Appends the entries, in order, all or none.
    ///
    /// - Returns: the sequence of the last; 0 if there were none, or they have none yet.
    package func append(_ entries: [AuditEntry], as place: AuditPlace = .alone) async throws(StoreError) -> Int64 {
        guard !entries.isEmpty else { return 0 }
        return try await changing { db in
            var last: Int64 = 0
            if case .leading(let epoch) = place { try Self.takeNotes(db, in: epoch) }
            var next = try place.epoch.flatMap { try Self.nextSequence(in: $0, db) }
            for entry in entries {
                var record = AuditRecord(entry)
                if case .standingBy(let epoch) = place, epoch != entry.epoch || epoch == nil {
                    try Self.note(record, db)
                } else {
                    record.sequence = next
                    last = try Self.insert(record, db) ?? last
                    next = next.map { $0 + 1 }
                }
            }
            return last
        }
    }

    /// - Returns: its sequence, a new one if it has none; `nil` if it is there already.
    static func insert(_ record: AuditRecord, _ db: Database) throws -> Int64? {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO record (sequence, time, actor, source, action, ids, body, origin)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """
        )
        let time = try record.time
        try statement.execute(arguments: [
            record.sequence, time, try record.actor, record.source, try record.action, Self.text(record.ids),
            record.body.serialized, record.origin,
        ])
        guard db.changesCount > 0 else { return nil }
        let sequence = db.lastInsertedRowID
        let about = try db.cachedStatement(sql: "INSERT OR IGNORE INTO about (id, time, sequence) VALUES (?, ?, ?)")
        for id in record.ids { try about.execute(arguments: [id, time, sequence]) }
        return sequence
    }

    /// Removes at most `most` records: those of before a time, and the oldest of what is more than `count`.
    ///
    /// - Returns: how many it removed.
    package func prune(before time: WallTime, keeping count: Int, atMost most: Int) async throws(StoreError) -> Int {
        try await writing { db in
            let surplus = try Int64.fetchAll(
                db,
                sql: "SELECT sequence FROM record WHERE sequence <= ? ORDER BY sequence LIMIT ?",
                arguments: [try Self.lastSurplus(keeping: Int64(count), db), most]
            )
            let old = try Int64.fetchAll(
                db,
                sql: "SELECT sequence FROM record INDEXED BY record_time WHERE time < ? ORDER BY time LIMIT ?",
                arguments: [time.milliseconds, most]
            )
            let sequences = Set(surplus + old).sorted().prefix(most)
            for sequence in sequences { try Self.remove(sequence, db) }
            return sequences.count
        }
    }

    /// The last of those that are more than `count`; 0 if there are no more.
    private static func lastSurplus(keeping count: Int64, _ db: Database) throws -> Int64 {
        var left = count
        for stretch in try stretches(db) {
            // Within a leadership sequences have hardly a gap, so that nothing has to be counted.
            let length = stretch.upperBound - stretch.lowerBound + 1
            if length > left { return stretch.upperBound - left }
            left -= length
        }
        return 0
    }

    private static func remove(_ sequence: Int64, _ db: Database) throws {
        let known = try db.cachedStatement(sql: "SELECT time, ids FROM record WHERE sequence = ?")
        if let row = try Row.fetchOne(known, arguments: [sequence]) {
            let about = try db.cachedStatement(sql: "DELETE FROM about WHERE id = ? AND time = ? AND sequence = ?")
            let time: Int64 = row[0]
            // What a damaged one was about is not known: its lines are looked for, which takes long and is rare.
            guard let ids = Self.ids(row[1]) else {
                try db.execute(sql: "DELETE FROM about WHERE time = ? AND sequence = ?", arguments: [time, sequence])
                try db.execute(sql: "DELETE FROM record WHERE sequence = ?", arguments: [sequence])
                return
            }
            for id in ids { try about.execute(arguments: [id, time, sequence]) }
        }
        try db.cachedStatement(sql: "DELETE FROM record WHERE sequence = ?").execute(arguments: [sequence])
    }

    static func text(_ ids: [String]) -> String { JSON.array(ids.map { .string($0) }).serialized }

    static func ids(_ text: String) -> [String]? {
        do {
            guard case .array(let ids) = try JSON(parsing: text) else { return nil }
            return ids.compactMap(\.text)
        } catch {
            return nil
        }
    }
}

// MARK: reading

extension AuditStore {
    /// What is asked for, the newest first.
    package func page(_ query: AuditQuery) async throws(StoreError) -> AuditPage {
        try checkOpen()
        return try await SQLiteFile.storeErrors(path) {
            try await database.read { db in
                // One more than wanted: where the next page begins.
                let rows = try query.rows(db)
                let records = try rows.prefix(query.size).map { row in
                    let body: String = row["body"]
                    guard case .object(let members) = try JSON(parsing: body) else {
                        throw StoreError.corrupt(reason: "a record of the audit log is no object: \(body)")
                    }
                    return JSON.object([JSON.Member("sequence", .integer(row["sequence"]))] + members)
                }
                return AuditPage(
                    records: records,
                    next: rows.count > query.size ? rows[query.size]["sequence"] : nil,
                    last: try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM record") ?? 0,
                    ends: try Self.ends(db)
                )
            }
        }
    }

    private func writing<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        try checkOpen()
        return try await SQLiteFile.storeErrors(path) { try await database.write(body) }
    }

    /// Something comes into the log.
    func changing<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        let value = try await writing(body)
        changed.add(1, ordering: .sequentiallyConsistent)
        return value
    }

    /// Rises whenever something comes into the log; begins anywhere, so that nobody takes it for that of an earlier opening.
    package var changes: Int64 { changed.load(ordering: .sequentiallyConsistent) }

    func checkOpen() throws(StoreError) {
        guard !isClosed.load(ordering: .sequentiallyConsistent) else {
            throw .unavailable(reason: "\(path): it is closed")
        }
    }
}

// MARK: schema

extension AuditStore {
    private static let label = "apus.audit"

    /// Everything that is looked for has an index with the time in it, so that the newest come first without sorting.
    private static var schema: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 records") { db in
            try db.execute(
                sql: """
                    CREATE TABLE record (
                        sequence INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL,
                        source TEXT, action TEXT NOT NULL, ids TEXT NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX record_time ON record (time);
                    CREATE INDEX record_actor ON record (actor, time);
                    CREATE INDEX record_source ON record (source, time);
                    CREATE INDEX record_action ON record (action, time);
                    CREATE TABLE about (
                        id TEXT NOT NULL, time INTEGER NOT NULL, sequence INTEGER NOT NULL,
                        PRIMARY KEY (id, time, sequence)
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        return migrator
    }

    /// What several controllers need beside that.
    ///
    /// No migration: the version before refuses a file with one that it does not know, but goes on with a column and
    /// tables that it does not look at.
    private static func extend(_ db: Database) throws {
        if try !db.columns(in: "record").contains(where: { $0.name == "origin" }) {
            try db.execute(sql: "ALTER TABLE record ADD COLUMN origin TEXT")
        }
        try db.execute(
            sql: """
                CREATE UNIQUE INDEX IF NOT EXISTS record_origin ON record (origin) WHERE origin IS NOT NULL;
                CREATE TABLE IF NOT EXISTS note (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, ids TEXT NOT NULL, body TEXT NOT NULL
                ) STRICT;
                CREATE TABLE IF NOT EXISTS log (id TEXT NOT NULL) STRICT;
                INSERT INTO log SELECT lower(hex(randomblob(8))) WHERE NOT EXISTS (SELECT 1 FROM log);
                """
        )
    }
}
