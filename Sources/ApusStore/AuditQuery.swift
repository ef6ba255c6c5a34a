package import ApusModel
import GRDB

/// Which records of the audit log are asked for; what is `nil` may be anything.
package struct AuditQuery: Hashable, Sendable {
    /// That record and what is older.
    package var from: Int64?
    /// Only what came into the log after that record.
    package var after: Int64?
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
        if after != nil { return "record NOT INDEXED" }
        if subject != nil { return "about CROSS JOIN record ON record.sequence = about.sequence" }
        if actor != nil { return "record INDEXED BY record_actor" }
        if source != nil { return "record INDEXED BY record_source" }
        if action != nil { return "record INDEXED BY record_action" }
        return "record INDEXED BY record_time"
    }

    /// One row more than `size`, if there are so many.
    func rows(_ db: Database) throws -> [Row] {
        let key = subject != nil && after == nil ? "about" : "record"
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func demand(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            conditions.append(condition)
            arguments += values
        }
        if let subject, after == nil { demand("about.id = ?", subject) }
        if let subject, after != nil {
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
        if let after {
            demand("record.sequence > ?", after)
            if let from { demand("record.sequence <= ?", from) }
        } else if let from {
            guard let time = try Self.time(of: from, db) else { return [] }
            demand("\(key).time <= ?", time)
            demand("(\(key).time < ? OR \(key).sequence <= ?)", time, from)
        }
        let order = after == nil ? "\(key).time DESC, \(key).sequence DESC" : "record.sequence DESC"
        let filter = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        return try Row.fetchAll(
            db,
            sql: "SELECT record.sequence AS sequence, body FROM \(table) \(filter) ORDER BY \(order) LIMIT ?",
            arguments: StatementArguments(arguments + [size + 1])
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
}
