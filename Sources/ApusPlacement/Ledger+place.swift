package import ApusModel

extension Ledger {
    /// Finds the best place and holds it for the instance; one that holds a place already keeps it.
    ///
    /// Best is: the most even spread where SPREAD is asked for, then fewest instances of the version on the executor,
    /// then the NUMA node left with the fewest free cores (so that big holes stay whole), then with the least memory
    /// (to an eighth), then the first executor from one on that `tieBreak` draws. With load weights, of the executors
    /// of the most even spread one is drawn. Equal calls give equal answers.
    package mutating func place(_ request: PlacementRequest, tieBreak: UInt64) -> PlacementOutcome {
        if let held = holding(of: request.instance) { return .placed(held.executor, held.allocation) }
        let group = groups.number(of: request.group)
        guard let place = find(request, group, tieBreak) else {
            return .refused(knownRefusal(of: request))
        }
        let executor = shelves[place.ordinal].id
        let allocation = shelves[place.ordinal].nodes[place.node].allocation(for: request)
        let number = group ?? groups.numberToCount(request.group)
        _ = record(request.instance, of: number, allocation, request.quantities, on: place.ordinal)
        return .placed(executor, allocation)
    }

    /// The same, as if those instances were gone already as far as SPREAD is concerned: what is to be replaced does not
    /// keep its place from the one that comes for it.
    package mutating func place(
        _ request: PlacementRequest,
        tieBreak: UInt64,
        notCounting going: [InstanceID]
    ) -> PlacementOutcome {
        let takesDefault = request.takesDefaultSpread && !request.policy.decidesOnSpread
        let isSpread = !spreads(of: request.policy.spreads, takesDefault).isEmpty
        guard isSpread, !going.isEmpty else { return place(request, tieBreak: tieBreak) }
        leaveOut(1, going)
        defer { leaveOut(-1, going) }
        return place(request, tieBreak: tieBreak)
    }

    private mutating func leaveOut(_ more: Int, _ going: [InstanceID]) {
        knownRefusals = [:]
        for instance in going {
            guard let number = homes.find(instance, holdings), let holding = holdings[number] else { continue }
            groups.leaveOut(more, of: holding.group, on: holding.ordinal, axes, &rows)
        }
    }

    /// Where it would be placed.
    private mutating func find(_ request: PlacementRequest, _ group: Int?, _ tieBreak: UInt64)
        -> LedgerPlace?
    {
        if let only = request.only {
            guard let ordinal = ordinals[only], refusals(of: request, on: [ordinal]).first?.reason == nil
            else {
                return nil
            }
            return shelves[ordinal].bestNode(for: request).map { LedgerPlace(ordinal: ordinal, node: $0) }
        }
        let search = prepare(request, group, tieBreak)
        let base = scratch[0]
        guard let taking = search.policy.takers(having: 0), rows.intersect(takers, taking, into: base)
        else {
            return nil
        }
        for executor in request.avoiding {
            if let ordinal = ordinals[executor] { rows.remove(ordinal, from: base) }
        }
        return mostEven(request, search, 0, among: base)
    }

    /// The refusal, worked out once for all requests of the kind until something changes.
    private mutating func knownRefusal(of request: PlacementRequest) -> Refusal {
        var kind = request
        kind.instance = InstanceID("")
        if let refusal = knownRefusals[kind] { return refusal }
        let refusal = Refusal(refusals(of: request).compactMap(\.reason))
        knownRefusals[kind] = refusal
        return refusal
    }

    // MARK: searching

    /// What one search knows beforehand.
    struct Search {
        struct Spread {
            let policy: SpreadPolicy
            /// Executors that stand somewhere; `nil`: all do.
            let members: BitRows.Row?
            /// Executors by the count of their place; `nil`: every place has none.
            let levels: Levels?
        }
        let policy: PolicyIndex.Entry
        let spreads: [Spread]
        let group: Int?
        let draw: UInt64
        /// Among equals the first from here on is taken.
        let start: Int
    }

    private mutating func prepare(_ request: PlacementRequest, _ group: Int?, _ tieBreak: UInt64)
        -> Search
    {
        let policy = policies.entry(for: request, shelves, &rows)
        let spreads = spreads(of: policy.spreads, policy.takesDefaultSpread && request.takesDefaultSpread)
        while scratch.count < 2 * spreads.count + 2 { scratch.append(rows.take()) }
        var random = SplitMix64(seed: tieBreak)
        let draw = random.next()
        return Search(
            policy: policy,
            spreads: spreads.map { spread in
                axes.add(spread.axis, shelves, &rows)
                let tally = groups.placeTally(for: .init(spread, request.group), axes, &rows)
                return .init(policy: spread, members: axes.members(of: spread.axis), levels: tally?.levels)
            },
            group: group,
            draw: draw,
            start: Int(draw.multipliedFullWidth(by: UInt64(max(1, shelves.count))).high)
        )
    }

    func spreads(of own: [SpreadPolicy], _ takesDefault: Bool) -> [SpreadPolicy] {
        takesDefault ? defaultSpread.map { [$0] } ?? [] : own
    }

    /// The best place by one SPREAD after the other, those of the least count first.
    private mutating func mostEven(
        _ request: PlacementRequest,
        _ search: Search,
        _ depth: Int,
        among candidates: BitRows.Row
    ) -> LedgerPlace? {
        guard depth < search.spreads.count else {
            guard let weights = request.loadWeights else {
                return fewest(request, search, among: candidates)
            }
            return drawn(request, search, weights, among: candidates)
        }
        let spread = search.spreads[depth]
        let isHard = spread.policy.enforcement == .hard
        let (inside, chosen) = (scratch[2 * depth + 2], scratch[2 * depth + 3])
        let most = isHard ? mostAllowed(search, spread, chosen) : .max
        if rows.intersect(candidates, spread.members ?? candidates, into: inside) {
            for (count, level) in [(0, nil)] + (spread.levels?.all.map { ($0.count, $0.row) } ?? []) {
                guard count <= most else { break }
                guard select(level, of: spread.levels, among: inside, into: chosen) else { continue }
                if let place = mostEven(request, search, depth + 1, among: chosen) { return place }
            }
        }
        guard !isHard, let members = spread.members,
            rows.subtract(members, from: candidates, into: chosen)
        else {
            return nil
        }
        return mostEven(request, search, depth + 1, among: chosen)
    }

    /// The most instances that a place may have before one more, by a hard SPREAD: the least count of all places where
    /// the policy takes an executor that is open, full or not, and the skew above it.
    private mutating func mostAllowed(_ search: Search, _ spread: Search.Spread, _ row: BitRows.Row)
        -> Int
    {
        guard let taking = search.policy.takers(having: 0), let levels = spread.levels else {
            return .max
        }
        rows.intersect(open, taking, into: row)
        if let members = spread.members { rows.intersect(row, members, into: row) }
        let skew = max(0, spread.policy.maxSkew - 1)
        if !rows.isSubset(row, of: levels.raised) { return skew }
        return levels.all.first { !rows.areDisjoint($0.row, row) }.map { $0.count + skew } ?? 0
    }

    /// The target becomes those of the candidates that are in the level; `nil` is the level of none.
    private mutating func select(
        _ level: BitRows.Row?,
        of levels: Levels?,
        among candidates: BitRows.Row,
        into target: BitRows.Row
    ) -> Bool {
        if let level { return rows.intersect(candidates, level, into: target) }
        guard let levels else {
            rows.copy(candidates, to: target)
            return true
        }
        return rows.subtract(levels.raised, from: candidates, into: target)
    }

    /// The best place where the fewest instances of the version are.
    private mutating func fewest(
        _ request: PlacementRequest,
        _ search: Search,
        among candidates: BitRows.Row
    ) -> LedgerPlace? {
        guard let group = search.group else { return bestFit(request, search, among: candidates) }
        let chosen = scratch[1]
        if groups.select(0, of: group, among: candidates, into: chosen, &rows),
            let place = bestFit(request, search, among: chosen)
        {
            return place
        }
        for count in groups.distinctCounts(of: group) {
            guard let taking = search.policy.takers(having: count) else { return nil }
            guard groups.select(count, of: group, among: candidates, into: chosen, &rows),
                rows.intersect(chosen, taking, into: chosen)
            else { continue }
            if let place = bestFit(request, search, among: chosen) { return place }
        }
        return nil
    }

    private func bestFit(
        _ request: PlacementRequest,
        _ search: Search,
        among candidates: BitRows.Row
    ) -> LedgerPlace? {
        free.bestFit(request, among: candidates, from: search.start, rows, shelves)
    }
}
