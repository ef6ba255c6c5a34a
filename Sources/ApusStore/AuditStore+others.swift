package import ApusModel
import GRDB

/// What several controllers have of each other's logs.
///
/// Each has of a leadership what its leader noted up to some sequence, none left out but what is too old. So the last
/// sequence of each leadership tells what another controller lacks.
extension AuditStore {
    /// Leaderships that are told of; earlier ones are beyond anybody's retention.
    private static let mostLeaderships = 1_000
    /// Of so many is told where they end.
    private static let mostEnds = 32
    /// Of a page.
    private static let mostRecords = 500
    private static let fullPage = 512 << 10
    /// What nobody takes for so long makes way.
    private static let mostNotes: Int64 = 10_000
    private static let notesAtATime = 100

    /// Records in their order, and the sequence up to which these are all.
    package struct Stretch: Hashable, Sendable {
        package var records: [AuditRecord] = []
        package var through: Int64
    }

    // MARK: reading

    /// The last sequence of each leadership that there is something of.
    package func held() async throws(StoreError) -> [Int64] {
        try await reading { db in
            try Self.stretches(db, atMost: Self.mostLeaderships).map(\.upperBound)
                .filter { AuditSequence.epoch(of: $0) > 0 }
        }
    }

    /// Those behind one sequence and up to another, or the first of them if they are many; none of before any leadership,
    /// which are this controller's own.
    package func stretch(after sequence: Int64, through end: Int64) async throws(StoreError) -> Stretch {
        try await reading { db in
            var (stretch, bytes) = (Stretch(through: end), 0)
            let rows = try Row.fetchCursor(
                db,
                sql:
                    "SELECT sequence, ids, body, origin FROM record WHERE sequence > ? AND sequence <= ? ORDER BY sequence",
                arguments: [max(sequence, AuditSequence.lastAlone), end]
            )
            while let row = try rows.next() {
                let body: String = row["body"]
                bytes += body.utf8.count
                // A damaged one holds up no other.
                if let record = Self.record(row) { stretch.records.append(record) }
                guard stretch.records.count < Self.mostRecords, bytes < Self.fullPage else {
                    stretch.through = row["sequence"]
                    break
                }
            }
            return stretch
        }
    }

    /// What this controller has noted without leading and no leader has taken yet, the oldest first.
    package func notes() async throws(StoreError) -> [AuditRecord] {
        try await reading { db in try Self.notes(db, atMost: Self.notesAtATime) }
    }

    private static func notes(_ db: Database, atMost most: Int) throws -> [AuditRecord] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT NULL AS sequence, ids, body, log.id || '-' || number AS origin FROM note, log
                ORDER BY number LIMIT ?
                """,
            arguments: [most]
        )
        return rows.compactMap(record)
    }

    private static func record(_ row: Row) -> AuditRecord? {
        do {
            guard let ids = ids(row["ids"]) else { return nil }
            let text: String = row["body"]
            return AuditRecord(
                sequence: row["sequence"],
                origin: row["origin"],
                ids: ids,
                body: try JSON(parsing: text)
            )
        } catch {
            return nil
        }
    }

    /// The first and the last sequence of each leadership, the latest first.
    static func stretches(_ db: Database, atMost most: Int = .max) throws -> [ClosedRange<Int64>] {
        let newest = try db.cachedStatement(sql: "SELECT max(sequence) FROM record WHERE sequence <= ?")
        let oldest = try db.cachedStatement(sql: "SELECT min(sequence) FROM record WHERE sequence >= ?")
        var stretches: [ClosedRange<Int64>] = []
        var end = Int64.max
        while stretches.count < most, let last = try Int64.fetchOne(newest, arguments: [end]) {
            let begin = AuditSequence.begin(of: last)
            guard let first = try Int64.fetchOne(oldest, arguments: [begin]) else { break }
            stretches.append(first...last)
            end = begin - 1
        }
        return stretches
    }

    /// What `AuditPage.ends` says.
    static func ends(_ db: Database) throws -> [Int64] {
        let all = try stretches(db, atMost: mostEnds).map(\.upperBound)
        let led = all.filter { AuditSequence.epoch(of: $0) > 0 }
        guard !led.isEmpty else { return [all.first ?? 0] }
        // What a controller noted while it was alone is its own, and no more comes of that.
        return (all.count < mostEnds ? [AuditSequence.lastAlone] : []) + led.reversed()
    }

    private func reading<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        try checkOpen()
        return try await SQLiteFile.storeErrors(path) { try await database.read(body) }
    }

    // MARK: writing

    /// Takes what another controller has, each once; what has no sequence gets one of that leadership, and is left out
    /// where there is none.
    package func keep(_ records: [AuditRecord], in epoch: Epoch? = nil) async throws(StoreError) {
        guard !records.isEmpty else { return }
        try await changing { db in
            var next = try epoch.flatMap { try Self.nextSequence(in: $0, db) }
            for var record in records {
                let isNew = record.sequence == nil
                record.sequence = record.sequence ?? next
                guard record.sequence != nil else { continue }
                if try Self.insert(record, db) != nil, isNew { next = next.map { $0 + 1 } }
                // One of its own has come back with its sequence.
                guard let origin = record.origin else { continue }
                try db.cachedStatement(sql: "DELETE FROM note WHERE (SELECT id FROM log) || '-' || number = ?")
                    .execute(arguments: [origin])
            }
        }
    }

    /// What is noted without leading.
    static func note(_ record: AuditRecord, _ db: Database) throws {
        try db.cachedStatement(sql: "INSERT INTO note (ids, body) VALUES (?, ?)")
            .execute(arguments: [text(record.ids), record.body.serialized])
        try db.cachedStatement(sql: "DELETE FROM note WHERE number <= ?")
            .execute(arguments: [db.lastInsertedRowID - mostNotes])
    }

    /// Whoever leads takes its own notes into the log of all.
    static func takeNotes(_ db: Database, in epoch: Epoch) throws {
        let notes = try notes(db, atMost: Int(mostNotes))
        guard !notes.isEmpty, var next = try nextSequence(in: epoch, db) else { return }
        for var note in notes {
            note.sequence = next
            if try insert(note, db) != nil { next += 1 }
        }
        try db.execute(sql: "DELETE FROM note")
    }

    /// `nil` where the log gives one itself.
    static func nextSequence(in epoch: Epoch, _ db: Database) throws -> Int64? {
        guard let all = AuditSequence.all(of: epoch) else { return nil }
        // Also of those that are gone: none is used again.
        let greatest = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'record'")
        if let greatest, all.contains(greatest) { return greatest + 1 }
        let last = try Int64.fetchOne(
            db,
            sql: "SELECT max(sequence) FROM record WHERE sequence BETWEEN ? AND ?",
            arguments: [all.lowerBound, all.upperBound]
        )
        return last.map { $0 + 1 } ?? all.lowerBound
    }
}
