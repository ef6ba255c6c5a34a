package import ApusModel

/// How often somebody is turned away may not fill the audit log: one entry a second from each address, which says how
/// many there were, and a bounded number of entries an hour from all of them.
package struct DenialMeter: Sendable {
    private static let interval = Duration.seconds(1)
    /// Addresses that are told apart at a time.
    private static let mostSources = 1_024
    /// Entries of an hour: those of 90 days are an eighth of what a log keeps.
    package static let mostAnHour = 60
    package static let hour = Duration.seconds(3_600)

    private struct Source {
        var told: Moment
        /// The last that was not told of, and how many of those there are.
        var held: AuditEntry?
        var count: Int64 = 0
    }

    /// What an hour had no room for.
    package struct LeftOut: Sendable {
        package var count: Int64
        package var last: AuditEntry
    }

    private struct Hour {
        let began: Moment
        var told = 0
        var leftOut: LeftOut?
    }

    private var sources: [String: Source] = [:]
    /// Begins with the first entry after the last one.
    private var current: Hour?

    package init() {}

    /// - Returns: the entry if it is to be written now; it is held back or left out otherwise.
    package mutating func take(_ entry: AuditEntry, at now: Moment) -> AuditEntry? {
        var source = entry.actor.source ?? ""
        if sources[source] == nil, sources.count >= Self.mostSources { source = "" }
        guard var known = sources[source] else {
            sources[source] = Source(told: now)
            return told(entry, of: 1, at: now)
        }
        known.held = entry
        known.count += 1
        sources[source] = known
        return nil
    }

    /// What was held back for long enough, by address; an address that was quiet meanwhile is forgotten.
    package mutating func due(at now: Moment) -> [AuditEntry] {
        var due: [AuditEntry] = []
        for (name, source) in sources.sorted(by: { $0.key < $1.key }) where now - source.told >= Self.interval {
            if let held = source.held {
                if let entry = told(held, of: source.count, at: now) { due.append(entry) }
                sources[name] = Source(told: now)
            } else {
                sources[name] = nil
            }
        }
        return due
    }

    /// What the hour that is over had no room for; `nil` if there is none.
    package mutating func leftOut(at now: Moment) -> LeftOut? {
        guard let over = current, now - over.began >= Self.hour else { return nil }
        current = nil
        return over.leftOut
    }

    /// The entry with its number, if the hour has room for it.
    private mutating func told(_ entry: AuditEntry, of count: Int64, at now: Moment) -> AuditEntry? {
        var hour = current ?? Hour(began: now)
        defer { current = hour }
        guard hour.told < Self.mostAnHour else {
            hour.leftOut = LeftOut(count: (hour.leftOut?.count ?? 0) + count, last: entry)
            return nil
        }
        hour.told += 1
        return Self.counting(count, entry)
    }

    private static func counting(_ count: Int64, _ entry: AuditEntry) -> AuditEntry {
        var entry = entry
        guard case .object(let members) = entry.detail?.json ?? .object([]) else { return entry }
        entry.detail = AuditDetail(.object(members + [JSON.Member("count", .integer(count))]))
        return entry
    }
}
