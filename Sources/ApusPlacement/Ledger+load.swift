import ApusModel

/// Placing by what is free on executors.
extension Ledger {
    /// Of fewer candidates each is looked at.
    private static let few = 32
    /// So often a draw may hit one that cannot take it, before each is looked at.
    private static let mostDraws = 64

    /// One of those that can take it, drawn by what is free there: by one resource, which is drawn by its weight.
    mutating func drawn(
        _ request: PlacementRequest,
        _ search: Search,
        _ weights: LoadWeights,
        among candidates: BitRows.Row
    ) -> LedgerPlace? {
        var random = SplitMix64(seed: search.draw)
        let resource = weights.resource(at: random.part())
        let all = rows.members(of: candidates)
        if all.count > Self.few {
            if loads?.serves(weights) != true { loads = LoadIndex(weights, shelves.map(\.freeLoad)) }
            for _ in 0..<Self.mostDraws {
                // Those that cannot take it are drawn too, and drawn again: so the shares are those of the others.
                guard let ordinal = loads?.ordinal(at: random.part(), of: resource) else { break }
                guard rows.contains(ordinal, in: candidates), takes(request, search, ordinal) else { continue }
                return shelves[ordinal].bestNode(for: request).map { LedgerPlace(ordinal: ordinal, node: $0) }
            }
        }
        let ordinals = all.filter { takes(request, search, $0) }
        var rest = random.part()
        var drawn = ordinals.last
        for (ordinal, share) in zip(ordinals, weights.shares(of: ordinals.map { shelves[$0].freeLoad }, by: resource)) {
            rest -= share
            if rest < 0 {
                drawn = ordinal
                break
            }
        }
        guard let drawn else { return nil }
        return shelves[drawn].bestNode(for: request).map { LedgerPlace(ordinal: drawn, node: $0) }
    }

    private func takes(_ request: PlacementRequest, _ search: Search, _ ordinal: Int) -> Bool {
        let count = groups.instances(of: search.group, on: ordinal)
        guard let taking = search.policy.takers(having: count) else { return false }
        return rows.contains(ordinal, in: taking) && shelves[ordinal].shortage(for: request) == nil
    }

    /// Notes that what is free there may have changed.
    mutating func updateLoad(of ordinal: Int) { loads?.set(ordinal, shelves[ordinal].freeLoad) }
}

extension Shelf {
    /// What the executor measures, or else what is not held.
    fileprivate var freeLoad: HostLoad {
        load
            ?? HostLoad(
                freeMemoryMB: nodes.reduce(0) { $0 &+ max(0, $1.freeMB) },
                freeCPU: Double(nodes.reduce(0) { $0 + $1.free.count })
            )
    }
}

extension SplitMix64 {
    /// From 0 to below 1, in steps of what a Double holds.
    mutating func part() -> Double { Double(next() >> 11) / Double(1 << 53 as UInt64) }
}
