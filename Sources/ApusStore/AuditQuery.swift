package import ApusModel
import GRDB

/// Which records of the audit log are asked for; what is `nil` may be anything.
package struct AuditQuery: Hashable, Sendable {
    /// That record and what is older.
    package var from: Int64?
    /// Only what stands behind that record; of several, what stands behind the least of them, but of the leadership of
    /// each only what stands behind that: so what comes late of an earlier leadership is found too.
    package var after: [Int64] = []
    package var since: WallTime?
    package var until: WallTime?
    package var actor: String?
    package var action: String?
    /// Whatever concerns it: an application's id finds its instances too.
    package var subject: String?
    package var source: String?
    /// At most so many.
    package var size: Int

    package init(size: Int) { self.size = size }

    /// The index that has the least to look through; what it does not hold is looked at in each record.
    private var table: String {
        // Those that came last are few.
        if !after.isEmpty { return "record NOT INDEXED" }
        if subject != nil { return "about CROSS JOIN record ON record.sequence = about.sequence" }
        if actor != nil { return "record INDEXED BY record_actor" }
        if source != nil { return "record INDEXED BY record_source" }
        if action != nil { return "record INDEXED BY record_action" }
        return "record INDEXED BY record_time"
    }

    /// One row more than `size`, if there are so many.
    func rows(_ db: Database) throws -> [Row] {
        guard !after.isEmpty else { return try rows(db, in: nil, atMost: size + 1) }
        var rows: [Row] = []
        for stretch in stretches.reversed() where rows.count <= size {
            rows += try self.rows(db, in: stretch, atMost: size + 1 - rows.count)
        }
        return rows
    }

    /// Sequences behind one and up to another.
    private typealias Stretch = (behind: Int64, through: Int64)

    /// Those that `after` leaves.
    private var stretches: [Stretch] {
        let begins = after.sorted()
        let ends = begins.dropFirst().map { AuditSequence.begin(of: $0) } + [.max]
        return zip(begins, ends).map { (behind: $0, through: $1) }.filter { $0.behind < $0.through }
    }

    private func rows(_ db: Database, in stretch: Stretch?, atMost most: Int) throws -> [Row] {
        let key = subject != nil && stretch == nil ? "about" : "record"
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func demand(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            conditions.append(condition)
            arguments += values
        }
        if let subject, stretch == nil { demand("about.id = ?", subject) }
        if let subject, stretch != nil {
            demand(
                "EXISTS (SELECT 1 FROM about WHERE id = ? AND time = record.time AND sequence = record.sequence)",
                subject
            )
        }
        if let actor { demand("actor = ?", actor) }
        if let source { demand("source = ?", source) }
        if let action { demand("action = ?", action) }
        if let since { demand("\(key).time >= ?", since.milliseconds) }
        if let until { demand("\(key).time <= ?", until.milliseconds) }
        if let stretch {
            demand("record.sequence > ?", stretch.behind)
            demand("record.sequence <= ?", min(stretch.through, from ?? .max))
        } else if let from {
            guard let time = try Self.time(of: from, db) else { return [] }
            demand("\(key).time <= ?", time)
            demand("(\(key).time < ? OR \(key).sequence <= ?)", time, from)
        }
        let order = stretch == nil ? "\(key).time DESC, \(key).sequence DESC" : "record.sequence DESC"
        let filter = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        return try Row.fetchAll(
            db,
            sql: "SELECT record.sequence AS sequence, body FROM \(table) \(filter) ORDER BY \(order) LIMIT ?",
            arguments: StatementArguments(arguments + [most])
        )
    }

    /// Of that record, or of the last before it if it is gone.
    private static func time(of sequence: Int64, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: "SELECT time FROM record WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1",
            arguments: [sequence]
        )
    }
}

/// Some records of the audit log, as the API gives them, the newest first.
package struct AuditPage: Hashable, Sendable {
    package var records: [JSON]
    /// The sequence with which to go on to older ones; `nil` if there are none.
    package var next: Int64?
    /// The sequence of the last record that there is, asked for or not; 0 if there is none.
    package var last: Int64
    /// With these as `after` all that comes from now on is found, late or not: the last sequence of each of the latest
    /// leaderships, in order.
    package var ends: [Int64]
}
