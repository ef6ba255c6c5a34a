package import ApusModel

/// How often somebody is turned away may not fill the audit log: one entry a second from each address, which says how
/// many there were.
package struct DenialMeter: Sendable {
    private static let interval = Duration.seconds(1)
    /// Addresses that are told apart at a time.
    private static let mostSources = 1_024

    private struct Source {
        var told: Moment
        /// The last that was not told of, and how many of those there are.
        var held: AuditEntry?
        var count: Int64 = 0
    }

    private var sources: [String: Source] = [:]

    package init() {}

    /// - Returns: the entry if it is to be written now; it is held back otherwise.
    package mutating func take(_ entry: AuditEntry, at now: Moment) -> AuditEntry? {
        var source = entry.actor.source ?? ""
        if sources[source] == nil, sources.count >= Self.mostSources { source = "" }
        guard var known = sources[source] else {
            sources[source] = Source(told: now)
            return Self.counting(1, entry)
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
                due.append(Self.counting(source.count, held))
                sources[name] = Source(told: now)
            } else {
                sources[name] = nil
            }
        }
        return due
    }

    private static func counting(_ count: Int64, _ entry: AuditEntry) -> AuditEntry {
        var entry = entry
        guard case .object(let members)? = entry.detail?.json else { return entry }
        entry.detail = AuditDetail(.object(members + [JSON.Member("count", .integer(count))]))
        return entry
    }
}
