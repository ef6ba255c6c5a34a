import ApusModel

/// How many instances of each group are on each executor, and what is counted per place for SPREAD.
struct GroupBook: Sendable {
    /// A group that has instances.
    struct Group: Sendable {
        let key: PlacementGroup
        var tally: HostTally
        /// The counts per place that its instances enter.
        var spreads: [Int] = []
    }

    /// What is counted together over what.
    struct SpreadKey: Hashable, Sendable {
        enum Scope: Hashable, Sendable {
            case name(String)
            case version(PlacementGroup)
        }
        let scope: Scope
        let axis: SpreadPolicy.Axis

        init(_ spread: SpreadPolicy, _ group: PlacementGroup) {
            scope = spread.scope == .name ? .name(group.name) : .version(group)
            axis = spread.axis
        }
    }

    /// By number; one without instances is vacant.
    private(set) var groups: [Group] = []
    private var vacantGroups: [Int] = []
    private var numbers: [PlacementGroup: Int] = [:]
    /// The groups of one name.
    private var names: [String: [Int]] = [:]
    private var spreads: [PlaceTally?] = []
    private var vacantSpreads: [Int] = []
    private var spreadNumbers: [SpreadKey: Int] = [:]
    /// Instances that count for no place now, by group and executor.
    private var leftOut: [Int: [Int: Int]] = [:]

    /// `nil` if the group has no instances.
    func number(of group: PlacementGroup) -> Int? { numbers[group] }

    func instances(of group: Int?, on ordinal: Int) -> Int {
        group.map { groups[$0].tally[ordinal] } ?? 0
    }

    /// The number of the group, a new one if it has no instances.
    mutating func numberToCount(_ key: PlacementGroup) -> Int { numbers[key] ?? addGroup(key) }

    /// Counts one more instance.
    mutating func add(_ number: Int, on ordinal: Int, _ axes: AxisIndex, _ rows: inout BitRows) {
        groups[number].tally.change(ordinal, by: 1, &rows)
        for spread in groups[number].spreads { spreads[spread]?.change(ordinal, by: 1, axes, &rows) }
    }

    mutating func remove(_ number: Int, from ordinal: Int, _ axes: AxisIndex, _ rows: inout BitRows) {
        groups[number].tally.change(ordinal, by: -1, &rows)
        for spread in groups[number].spreads { spreads[spread]?.change(ordinal, by: -1, axes, &rows) }
        if groups[number].tally.isEmpty { dropGroup(number, &rows) }
    }

    /// So many more (or fewer) of its instances count for no place, though they are there.
    mutating func leaveOut(_ more: Int, of number: Int, on ordinal: Int, _ axes: AxisIndex, _ rows: inout BitRows) {
        for spread in groups[number].spreads { spreads[spread]?.change(ordinal, by: -more, axes, &rows) }
        let count = (leftOut[number]?[ordinal] ?? 0) + more
        leftOut[number, default: [:]][ordinal] = count > 0 ? count : nil
        if leftOut[number]?.isEmpty == true { leftOut[number] = nil }
    }

    private mutating func addGroup(_ key: PlacementGroup) -> Int {
        var group = Group(key: key, tally: HostTally())
        if let sibling = names[key.name]?.first {
            group.spreads = groups[sibling].spreads.filter { spreads[$0]?.key.scope == .name(key.name) }
        }
        let number = vacantGroups.popLast() ?? groups.count
        if number < groups.count { groups[number] = group } else { groups.append(group) }
        numbers[key] = number
        names[key.name, default: []].append(number)
        return number
    }

    private mutating func dropGroup(_ number: Int, _ rows: inout BitRows) {
        let group = groups[number]
        groups[number].spreads = []
        vacantGroups.append(number)
        numbers[group.key] = nil
        names[group.key.name]?.removeAll { $0 == number }
        let isLast = names[group.key.name]?.isEmpty == true
        if isLast { names[group.key.name] = nil }
        for spread in group.spreads {
            guard let tally = spreads[spread] else { continue }
            if isLast || tally.key.scope == .version(group.key) { drop(spread, tally, &rows) }
        }
    }

    /// The counts beside 0 that executors have of the group, ascending.
    func distinctCounts(of group: Int) -> [Int] { groups[group].tally.distinct }

    /// The target becomes those of the candidates that have exactly so many of the group; false if there are none.
    func select(
        _ count: Int,
        of group: Int,
        among candidates: BitRows.Row,
        into target: BitRows.Row,
        _ rows: inout BitRows
    ) -> Bool {
        groups[group].tally.select(count, among: candidates, into: target, &rows)
    }

    // MARK: places

    /// The counts per place; `nil` if there are no instances to count.
    mutating func placeTally(for key: SpreadKey, _ axes: AxisIndex, _ rows: inout BitRows)
        -> PlaceTally?
    {
        if let number = spreadNumbers[key] { return spreads[number] }
        let counted =
            switch key.scope {
            case .name(let name): names[name] ?? []
            case .version(let group): numbers[group].map { [$0] } ?? []
            }
        guard !counted.isEmpty else { return nil }
        var tally = PlaceTally(key: key, &rows)
        let number = vacantSpreads.popLast() ?? spreads.count
        if number == spreads.count { spreads.append(nil) }
        for group in counted {
            for (ordinal, count) in countsPerExecutor(group) { tally.change(ordinal, by: count, axes, &rows) }
            groups[group].spreads.append(number)
        }
        spreads[number] = tally
        spreadNumbers[key] = number
        return tally
    }

    /// Forgets what is counted per place, as some executor stands elsewhere now; it is counted anew when asked for.
    mutating func forgetPlaces(_ rows: inout BitRows) {
        guard !spreadNumbers.isEmpty else { return }
        for case let tally? in spreads { tally.giveBack(&rows) }
        (spreads, vacantSpreads, spreadNumbers) = ([], [], [:])
        for number in groups.indices { groups[number].spreads = [] }
    }

    private mutating func drop(_ number: Int, _ tally: PlaceTally, _ rows: inout BitRows) {
        tally.giveBack(&rows)
        spreadNumbers[tally.key] = nil
        spreads[number] = nil
        vacantSpreads.append(number)
    }

    /// Instances per executor of all that is counted together.
    func instances(countedBy key: SpreadKey) -> [Int: Int] {
        switch key.scope {
        case .name(let name):
            (names[name] ?? []).reduce(into: [:]) { sum, group in
                sum.merge(countsPerExecutor(group), uniquingKeysWith: +)
            }
        case .version(let group): numbers[group].map(countsPerExecutor) ?? [:]
        }
    }

    /// Of one group, those that count for their places.
    private func countsPerExecutor(_ group: Int) -> [Int: Int] {
        let counts = groups[group].tally.counts
        guard let out = leftOut[group] else { return counts }
        return counts.merging(out, uniquingKeysWith: -)
    }
}

/// How many instances of one group each executor has.
struct HostTally: Sendable {
    /// On more executors than these, rows are kept.
    private static let few = 24

    /// By ordinal; none is 0.
    private(set) var counts: [Int: Int] = [:]
    private var levels: Levels?

    var isEmpty: Bool { counts.isEmpty }
    subscript(ordinal: Int) -> Int { counts[ordinal] ?? 0 }

    /// An empty tally has given back all of its rows.
    mutating func change(_ ordinal: Int, by difference: Int, _ rows: inout BitRows) {
        counts[ordinal, default: 0] += difference
        let new = counts[ordinal] ?? 0
        let old = new - difference
        if new <= 0 { counts[ordinal] = nil }
        levels?.move(ordinal, from: old, to: new, &rows)
        if levels == nil, counts.count > Self.few {
            var levels = Levels(&rows)
            for (ordinal, count) in counts { levels.move(ordinal, from: 0, to: count, &rows) }
            self.levels = levels
        } else if let levels, counts.isEmpty {
            levels.giveBack(&rows)
            self.levels = nil
        }
    }

    /// The counts that occur beside 0, ascending.
    var distinct: [Int] { levels?.all.map(\.count) ?? Set(counts.values).sorted() }

    /// The target becomes those of the candidates that have exactly so many; false if there are none.
    func select(
        _ count: Int,
        among candidates: BitRows.Row,
        into target: BitRows.Row,
        _ rows: inout BitRows
    ) -> Bool {
        if let levels {
            if count == 0 { return rows.subtract(levels.raised, from: candidates, into: target) }
            guard let level = levels.all.first(where: { $0.count == count }) else { return false }
            return rows.intersect(candidates, level.row, into: target)
        }
        if count == 0 {
            rows.copy(candidates, to: target)
            for ordinal in counts.keys { rows.remove(ordinal, from: target) }
        } else {
            rows.clear(target)
            for (ordinal, found) in counts where found == count && rows.contains(ordinal, in: candidates) {
                rows.insert(ordinal, into: target)
            }
        }
        return !rows.isEmpty(target)
    }
}

/// How many instances that are counted together each place of an axis has.
struct PlaceTally: Sendable {
    let key: GroupBook.SpreadKey
    /// By place; none is 0.
    private var counts: [Int: Int] = [:]
    /// Executors by the count of their place.
    private(set) var levels: Levels

    init(key: GroupBook.SpreadKey, _ rows: inout BitRows) {
        self.key = key
        levels = Levels(&rows)
    }

    func giveBack(_ rows: inout BitRows) { levels.giveBack(&rows) }

    mutating func change(_ ordinal: Int, by difference: Int, _ axes: AxisIndex, _ rows: inout BitRows) {
        guard let place = axes.place(of: ordinal, on: key.axis) else { return }
        let old = counts[place] ?? 0
        let new = old + difference
        counts[place] = new > 0 ? new : nil
        if let row = axes.row(of: place, on: key.axis) {
            levels.move(place: row, from: old, to: new, &rows)
        } else {
            levels.move(ordinal, from: old, to: new, &rows)
        }
    }
}
