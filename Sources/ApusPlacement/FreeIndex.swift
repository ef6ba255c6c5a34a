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

    mutating func insert(_ ordinal: Int, _ nodes: [Shelf.Node], _ rows: inout BitRows) {
        for node in nodes {
            let (cores, memory) = (node.free.count, Self.memoryClass(ofMB: node.freeMB))
            let level = level(cores, &rows)
            rows.insert(ordinal, into: level)
            rows.insert(ordinal, into: span(cores, &rows))
            rows.insert(ordinal, into: classRow(memory, ofLevel: cores, &rows))
        }
    }

    /// Takes the executor out; its nodes must be as they were when it was put in.
    mutating func remove(_ ordinal: Int, _ nodes: [Shelf.Node], _ rows: inout BitRows) {
        for node in nodes {
            let (cores, memory) = (node.free.count, Self.memoryClass(ofMB: node.freeMB))
            guard let level = levels[cores].row else { continue }
            rows.remove(ordinal, from: level)
            if let row = spans[cores / Self.span] { rows.remove(ordinal, from: row) }
            guard let index = levels[cores].classes.firstIndex(where: { $0.memory == memory }) else {
                continue
            }
            let row = levels[cores].classes[index].row
            rows.remove(ordinal, from: row)
            if rows.population(of: row) == 0 {
                rows.giveBack(row)
                levels[cores].classes.remove(at: index)
            }
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
    ///
    /// `node` answers with the node of an executor that takes the request, given its free cores and class of memory.
    func bestFit(
        _ request: PlacementRequest,
        among candidates: BitRows.Row,
        from start: Int,
        _ rows: BitRows,
        node: (_ ordinal: Int, _ cores: Int, _ memory: Int) -> Int?
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
                        var found = 0
                        let ordinal = rows.first(in: entry.row, and: candidates, from: start) { ordinal in
                            guard let index = node(ordinal, cores, entry.memory) else { return false }
                            found = index
                            return true
                        }
                        if let ordinal { return LedgerPlace(ordinal: ordinal, node: found) }
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
