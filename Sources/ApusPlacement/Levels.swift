/// Executors by a count, fewest first; those at none are in no row.
struct Levels: Sendable {
    /// Ascending; none is empty.
    private(set) var all: [(count: Int, row: BitRows.Row)] = []
    /// All that are above none.
    let raised: BitRows.Row

    init(_ rows: inout BitRows) { raised = rows.take() }

    func giveBack(_ rows: inout BitRows) {
        for level in all { rows.giveBack(level.row) }
        rows.giveBack(raised)
    }

    /// One executor goes from one count to another.
    mutating func move(_ ordinal: Int, from old: Int, to new: Int, _ rows: inout BitRows) {
        if old > 0, let index = index(of: old) {
            rows.remove(ordinal, from: all[index].row)
            dropIfEmpty(index, &rows)
        }
        if new > 0 { rows.insert(ordinal, into: row(of: new, &rows)) }
        rows.set(ordinal, in: raised, to: new > 0)
    }

    /// All executors of a place go from one count to another.
    mutating func move(place: BitRows.Row, from old: Int, to new: Int, _ rows: inout BitRows) {
        if old > 0, let index = index(of: old) {
            rows.subtract(place, from: all[index].row)
            dropIfEmpty(index, &rows)
        }
        if new > 0 { rows.unite(row(of: new, &rows), with: place) }
        if old == 0 { rows.unite(raised, with: place) }
        if new == 0 { rows.subtract(place, from: raised) }
    }

    private mutating func dropIfEmpty(_ index: Int, _ rows: inout BitRows) {
        guard rows.population(of: all[index].row) == 0 else { return }
        rows.giveBack(all[index].row)
        all.remove(at: index)
    }

    private func index(of count: Int) -> Int? {
        let index = firstIndex(from: count)
        return index < all.count && all[index].count == count ? index : nil
    }

    private mutating func row(of count: Int, _ rows: inout BitRows) -> BitRows.Row {
        let index = firstIndex(from: count)
        if index < all.count, all[index].count == count { return all[index].row }
        let row = rows.take()
        all.insert((count, row), at: index)
        return row
    }

    /// The first level of that count or more.
    private func firstIndex(from count: Int) -> Int {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].count < count { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
