import ApusClient
import ApusModel
import ApusStore

/// Reads the audit log page by page.
struct AuditReading {
    struct Found {
        var records: [AuditSummary] = []
        var next: Int64?
        var last: Int64 = 0
        /// Up to where all was read that is asked for.
        var ends = AuditEnds()

        /// As the API would give it in one page.
        var json: JSON {
            .members([
                "records": .array(records.map(\.json)), "next": next.map { .integer($0) }, "last": .integer(last),
            ])
        }
    }

    /// One reading of what came since the last holds no more than this.
    private static let mostNews = 100_000

    let client: APIClient
    let conditions: [(name: String, value: String)]

    /// The newest so many.
    func newest(_ size: Int) async throws -> Found {
        var found = try await pages(size, conditions)
        // What comes late and is older than all of these is none of the newest either.
        if found.next != nil, let oldest = found.records.map(\.sequence).min() { found.ends.leaveOut(before: oldest) }
        return found
    }

    /// All that came since then.
    func all(behind ends: AuditEnds) async throws -> Found {
        let after = ends.sequences.map { (name: "after", value: "\($0)") }
        return try await pages(Self.mostNews, conditions + after)
    }

    private func pages(_ size: Int, _ conditions: [(name: String, value: String)]) async throws -> Found {
        var found = Found()
        var isFirst = true
        repeat {
            let page = min(Audit.largestPage, size - found.records.count)
            var query = conditions + [(name: "size", value: "\(page)")]
            if let next = found.next { query.append((name: "from", value: "\(next)")) }
            let answer = try await client.audit(query)
            if isFirst { (found.last, found.ends, isFirst) = (answer.last, AuditEnds(answer.ends), false) }
            // What comes while older pages are read is for the next reading.
            found.records += answer.records.filter { found.ends.cover($0.sequence) }
            found.next = answer.next
        } while found.next != nil && found.records.count < size
        return found
    }
}

/// Up to where records were read: the last of each leadership, since those of one that has ended may come late.
struct AuditEnds {
    /// What is before more leaderships than these is not told any more.
    private static let most = 64

    /// In order.
    private(set) var sequences: [Int64] = []

    init(_ sequences: [Int64] = []) { self.sequences = Self.greatest(sequences) }

    /// Those that were read since then; where a leader lacks some what was read before holds.
    mutating func take(_ others: AuditEnds) {
        // What one notes that is alone never comes late, and its log may have begun anew.
        guard let least = sequences.first, let last = sequences.last, AuditSequence.epoch(of: last) > 0 else {
            return self = others
        }
        sequences = Self.greatest(sequences + others.sequences.filter { $0 >= least })
    }

    private static func greatest(_ sequences: [Int64]) -> [Int64] {
        let ofEach = Dictionary(sequences.map { (AuditSequence.epoch(of: $0), $0) }, uniquingKeysWith: max)
        return ofEach.values.sorted().suffix(most)
    }

    /// Leaderships that ended before that record was noted.
    mutating func leaveOut(before sequence: Int64) {
        let begin = AuditSequence.begin(of: sequence)
        sequences = sequences.filter { $0 >= begin }
    }

    /// Whether that record was there when these were.
    func cover(_ sequence: Int64) -> Bool {
        let end = sequences.first { AuditSequence.epoch(of: $0) == AuditSequence.epoch(of: sequence) }
        return sequence <= end ?? sequences.first ?? .max
    }
}
