import ApusModel

/// Where each executor stands on the axes that SPREAD uses.
struct AxisIndex: Sendable {
    private struct Places: Sendable {
        /// By the ordinal of the executor; `nil` where it stands in none.
        var ofHosts: [Int?] = []
        var numbers: [String: Int] = [:]
        /// The executors of each place.
        var rows: [BitRows.Row] = []
        /// All that stand somewhere.
        let members: BitRows.Row
    }
    /// Axes are added when they are first used; that each executor is a place by itself needs none.
    private var axes: [SpreadPolicy.Axis: Places] = [:]

    /// Begins to keep an axis.
    mutating func add(_ axis: SpreadPolicy.Axis, _ shelves: [Shelf], _ rows: inout BitRows) {
        guard axis != .host, axes[axis] == nil else { return }
        axes[axis] = Places(members: rows.take())
        for (ordinal, shelf) in shelves.enumerated() where !shelf.isVacant {
            put(ordinal, shelf.traits, on: axis, &rows)
        }
    }

    /// Notes where an executor stands now, if it is not gone; true if any axis is touched.
    mutating func update(_ ordinal: Int, _ traits: HostTraits?, _ rows: inout BitRows) -> Bool {
        var isTouched = false
        for axis in axes.keys {
            if let old = place(of: ordinal, on: axis), let places = axes[axis] {
                rows.remove(ordinal, from: places.rows[old])
                rows.remove(ordinal, from: places.members)
                axes[axis]?.ofHosts[ordinal] = nil
                isTouched = true
            }
            if let traits, traits.place(on: axis) != nil {
                put(ordinal, traits, on: axis, &rows)
                isTouched = true
            }
        }
        return isTouched
    }

    private mutating func put(
        _ ordinal: Int,
        _ traits: HostTraits,
        on axis: SpreadPolicy.Axis,
        _ rows: inout BitRows
    ) {
        guard let name = traits.place(on: axis), var places = axes.removeValue(forKey: axis) else {
            return
        }
        let place = places.numbers[name] ?? places.rows.count
        if place == places.rows.count {
            places.numbers[name] = place
            places.rows.append(rows.take())
        }
        while places.ofHosts.count <= ordinal { places.ofHosts.append(nil) }
        places.ofHosts[ordinal] = place
        rows.insert(ordinal, into: places.rows[place])
        rows.insert(ordinal, into: places.members)
        axes[axis] = places
    }

    func place(of ordinal: Int, on axis: SpreadPolicy.Axis) -> Int? {
        if axis == .host { return ordinal }
        guard let hosts = axes[axis]?.ofHosts, ordinal < hosts.count else { return nil }
        return hosts[ordinal]
    }

    /// The executors of a place; `nil` where it is one executor alone.
    func row(of place: Int, on axis: SpreadPolicy.Axis) -> BitRows.Row? { axes[axis]?.rows[place] }

    /// All that stand somewhere on the axis; `nil`: every one does.
    func members(of axis: SpreadPolicy.Axis) -> BitRows.Row? { axes[axis]?.members }
}

extension HostTraits {
    /// The name of the place where it stands; `nil`: in none, or each is one by itself.
    func place(on axis: SpreadPolicy.Axis) -> String? {
        switch axis {
        case .zone: zone
        case .metadata(let key): metadata[key]
        case .host: nil
        }
    }
}
