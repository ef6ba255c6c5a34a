import ApusModel

/// Which executors each policy takes, kept from one request to the next.
struct PolicyIndex: Sendable {
    /// More policies than these are not remembered.
    private static let most = 256

    /// A policy, with what its rules may ask beside the executor.
    struct Question: Hashable, Sendable {
        let policy: PlacementPolicy
        let environment: [String: String]

        init(_ request: PlacementRequest) {
            policy = request.policy
            environment = request.policy.containsRule ? request.environment : [:]
        }
    }

    struct Entry: Sendable {
        let question: Question
        /// The SPREADs that must hold.
        let spreads: [SpreadPolicy]
        let takesDefaultSpread: Bool
        /// Limits of instances per executor, ascending, each with the executors that have that limit or a higher one.
        let limits: [(limit: Int, row: BitRows.Row)]

        /// The executors that take an instance where so many are; `nil`: none does.
        func takers(having count: Int) -> BitRows.Row? { limits.first { $0.limit > count }?.row }
    }
    private var entries: [Question: Entry] = [:]
    /// The last that was asked for: requests that come together often ask the same.
    private var latest: Entry?

    /// What is known of the request's policy, found out if it is new.
    mutating func entry(for request: PlacementRequest, _ shelves: [Shelf], _ rows: inout BitRows)
        -> Entry
    {
        let question = Question(request)
        if let latest, latest.question == question { return latest }
        let entry = kept(question, shelves, &rows)
        latest = entry
        return entry
    }

    private mutating func kept(_ question: Question, _ shelves: [Shelf], _ rows: inout BitRows) -> Entry {
        if let entry = entries[question] { return entry }
        if entries.count >= Self.most {
            for entry in entries.values {
                for limit in entry.limits { rows.giveBack(limit.row) }
            }
            entries = [:]
        }
        let policy = question.policy
        let entry = Entry(
            question: question,
            spreads: policy.spreads,
            takesDefaultSpread: !policy.decidesOnSpread,
            limits: policy.limits.union([.max]).sorted().map { ($0, rows.take()) }
        )
        // By index: a shelf is costly to copy.
        for ordinal in shelves.indices { entry.update(ordinal, shelves[ordinal], &rows) }
        entries[question] = entry
        return entry
    }

    /// Notes what an executor is like now.
    func update(_ ordinal: Int, _ shelf: Shelf, _ rows: inout BitRows) {
        for entry in entries.values { entry.update(ordinal, shelf, &rows) }
    }
}

extension PolicyIndex.Entry {
    fileprivate func update(_ ordinal: Int, _ shelf: Shelf, _ rows: inout BitRows) {
        let host = PolicyHost(
            executor: shelf.id,
            traits: shelf.traits,
            environment: question.environment
        )
        let limit = shelf.isVacant ? .min : question.policy.limit(on: host)
        for entry in limits { rows.set(ordinal, in: entry.row, to: limit >= entry.limit) }
    }
}
