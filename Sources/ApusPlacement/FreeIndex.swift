/// Executors by what is free on a NUMA node of theirs: by free cores, then by free memory in classes.
struct FreeIndex: Sendable {
    /// So many neighbouring numbers of cores have one row besides their own.
    private static let span = 16

    /// The executors with a node of exactly so many free cores.
    private struct Level {
        var row: BitRows.Row?
        /// By class of memory, ascending; none is empty.
        var classes: [(memory: Int, row: BitRows.Row)] = []
    }
    private var levels: [Level] = []
    private var spans: [BitRows.Row?] = []

    /// Free memory to an eighth: nodes of one class are equally good, so that a few MB decide nothing.
    static func memoryClass(ofMB amount: Int64) -> Int {
        guard amount >= 8 else { return max(0, Int(truncatingIfNeeded: amount)) }
        let exponent = Int64.bitWidth - 1 - amount.leadingZeroBitCount
        return (exponent - 2) << 3 + Int(truncatingIfNeeded: amount >> (exponent - 3)) & 7
    }

    /// Where a NUMA node stands in the index.
    struct Spot: Hashable {
        let cores: Int
        let memory: Int

        init(_ node: Shelf.Node) {
            cores = node.free.count
            memory = memoryClass(ofMB: node.freeMB)
        }
    }

    mutating func insert(_ ordinal: Int, _ nodes: [Shelf.Node], _ rows: inout BitRows) {
        for node in nodes { insert(ordinal, at: Spot(node), &rows) }
    }

    /// Takes the executor out; its nodes must be as they were when it was put in.
    mutating func remove(_ ordinal: Int, _ nodes: [Shelf.Node], _ rows: inout BitRows) {
        for node in nodes { remove(ordinal, at: Spot(node), &rows) }
    }

    /// One of the executor's nodes, which stood at `old`, has changed; the others are as they were.
    mutating func move(_ ordinal: Int, _ index: Int, of nodes: [Shelf.Node], from old: Spot, _ rows: inout BitRows) {
        let new = Spot(nodes[index])
        guard new != old else { return }
        remove(ordinal, at: old, &rows)
        insert(ordinal, at: new, &rows)
        // The executor is still in those rows that others of its nodes share with the old place.
        for other in nodes.indices where other != index && nodes[other].free.count / Self.span == old.cores / Self.span
        {
            insert(ordinal, at: Spot(nodes[other]), &rows)
        }
    }

    private mutating func insert(_ ordinal: Int, at spot: Spot, _ rows: inout BitRows) {
        let level = level(spot.cores, &rows)
        rows.insert(ordinal, into: level)
        rows.insert(ordinal, into: span(spot.cores, &rows))
        rows.insert(ordinal, into: classRow(spot.memory, ofLevel: spot.cores, &rows))
    }

    private mutating func remove(_ ordinal: Int, at spot: Spot, _ rows: inout BitRows) {
        guard let level = levels[spot.cores].row else { return }
        rows.remove(ordinal, from: level)
        if let row = spans[spot.cores / Self.span] { rows.remove(ordinal, from: row) }
        guard let index = levels[spot.cores].classes.firstIndex(where: { $0.memory == spot.memory }) else { return }
        let row = levels[spot.cores].classes[index].row
        rows.remove(ordinal, from: row)
        if rows.population(of: row) == 0 {
            rows.giveBack(row)
            levels[spot.cores].classes.remove(at: index)
        }
    }

    private mutating func level(_ cores: Int, _ rows: inout BitRows) -> BitRows.Row {
        while levels.count <= cores { levels.append(Level()) }
        if let row = levels[cores].row { return row }
        let row = rows.take()
        levels[cores].row = row
        return row
    }

    private mutating func span(_ cores: Int, _ rows: inout BitRows) -> BitRows.Row {
        let number = cores / Self.span
        while spans.count <= number { spans.append(nil) }
        if let row = spans[number] { return row }
        let row = rows.take()
        spans[number] = row
        return row
    }

    private mutating func classRow(_ memory: Int, ofLevel cores: Int, _ rows: inout BitRows)
        -> BitRows.Row
    {
        let end = levels[cores].classes.count
        let index = levels[cores].classes.firstIndex { $0.memory >= memory } ?? end
        if index < end, levels[cores].classes[index].memory == memory {
            return levels[cores].classes[index].row
        }
        let row = rows.take()
        levels[cores].classes.insert((memory, row), at: index)
        return row
    }

    /// The best fit among the candidates: fewest free cores first, then least memory, then the first from `start` on.
    func bestFit(
        _ request: PlacementRequest,
        among candidates: BitRows.Row,
        from start: Int,
        _ rows: BitRows,
        _ shelves: [Shelf]
    ) -> LedgerPlace? {
        let leastMemory = Self.memoryClass(ofMB: request.memoryMB)
        var cores = max(0, request.cores)
        while cores < levels.count {
            if let span = spans[cores / Self.span], !rows.areDisjoint(span, candidates) {
                for cores in cores..<min(levels.count, (cores / Self.span + 1) * Self.span) {
                    guard let level = levels[cores].row, rows.population(of: level) > 0,
                        !rows.areDisjoint(level, candidates)
                    else { continue }
                    for entry in levels[cores].classes where entry.memory >= leastMemory {
                        var found: Int?
                        let ordinal = rows.first(in: entry.row, and: candidates, from: start) { ordinal in
                            // Only what is looked at of the shelf is taken out of the array.
                            let quantities = shelves[ordinal].freeQuantities
                            guard Shelf.lacking(request.quantities, of: quantities) == nil else { return false }
                            found = shelves[ordinal].nodes.firstIndex { node in
                                node.free.count == cores && node.freeMB >= request.memoryMB
                                    && Self.memoryClass(ofMB: node.freeMB) == entry.memory
                            }
                            return found != nil
                        }
                        if let ordinal, let found { return LedgerPlace(ordinal: ordinal, node: found) }
                    }
                }
            }
            cores = (cores / Self.span + 1) * Self.span
        }
        return nil
    }
}

/// A NUMA node of an executor, both by number.
struct LedgerPlace: Hashable {
    let ordinal: Int
    let node: Int
}
