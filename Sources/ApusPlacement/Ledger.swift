package import ApusModel

/// The cluster's resources: who offers what, who holds what.
///
/// Exact: a bitmap of core slots and a memory ledger per NUMA node, named quantities per executor. What is held stays
/// held until it is released, whatever the executor offers meanwhile. Beside it an index, so that to find a place costs
/// little however many executors there are.
package struct Ledger: Sendable {
    /// An executor takes no more instances than this.
    package static let mostInstancesPerExecutor = 1000

    /// What an instance holds, and where.
    struct Holding: Sendable {
        let instance: InstanceID
        let ordinal: Int
        /// Among the holdings of its executor.
        var position: Int
        let group: Int
        let allocation: ResourceAllocation
        let quantities: [String: Int64]
    }

    /// Applies where a policy says nothing of spreading.
    package var defaultSpread: SpreadPolicy? {
        didSet { if defaultSpread != oldValue { knownRefusals = [:] } }
    }

    /// By ordinal; vacant where an executor was withdrawn, until the next new one takes the place.
    private(set) var shelves: [Shelf] = []
    private var vacantShelves: [Int] = []
    private(set) var ordinals: [ExecutorID: Int] = [:]
    private(set) var holdings: [Holding?] = []
    private var vacantHoldings: [Int] = []
    /// The numbers of the holdings.
    private(set) var homes = Homes()

    // MARK: the index

    var rows = BitRows()
    private(set) var free = FreeIndex()
    var policies = PolicyIndex()
    var axes = AxisIndex()
    var groups = GroupBook()
    /// Executors that may take one more instance.
    let takers: BitRows.Row
    /// Executors that are open for work, full or not.
    let open: BitRows.Row
    /// Kept once an executor was drawn by what is free.
    var loads: LoadIndex?
    /// Rows that a search writes in, nobody else's.
    var scratch: [BitRows.Row] = []
    /// Requests, whatever their instance, that were refused since the last change.
    var knownRefusals: [PlacementRequest: Refusal] = [:]

    package init() {
        takers = rows.take()
        open = rows.take()
    }

    // MARK: executors

    /// Takes up a new executor, open for work, or what a known one offers now.
    ///
    /// What is held survives a change, even what no longer fits.
    package mutating func offer(_ executor: ExecutorID, topology: Topology, traits: HostTraits) {
        let known = ordinals[executor]
        let ordinal = known ?? addShelf(for: executor, traits: traits)
        let isOther = known == nil || shelves[ordinal].traits != traits
        guard isOther || shelves[ordinal].topology != topology else { return }
        free.remove(ordinal, shelves[ordinal].nodes, &rows)
        shelves[ordinal].offer(topology, traits: traits)
        takeHoldings(on: ordinal)
        free.insert(ordinal, shelves[ordinal].nodes, &rows)
        if isOther { indexTraits(of: ordinal) }
        updateAdmission(of: ordinal)
    }

    private mutating func addShelf(for executor: ExecutorID, traits: HostTraits) -> Int {
        let ordinal = vacantShelves.popLast() ?? shelves.count
        if ordinal == shelves.count { shelves.append(.vacant) }
        rows.widen(to: shelves.count)
        shelves[ordinal] = Shelf(id: executor, traits: traits)
        ordinals[executor] = ordinal
        return ordinal
    }

    /// Forgets the executor and what was held on it.
    package mutating func withdraw(_ executor: ExecutorID) {
        guard let ordinal = ordinals[executor] else { return }
        for number in shelves[ordinal].holdings {
            if let instance = holdings[number]?.instance { release(instance) }
        }
        free.remove(ordinal, shelves[ordinal].nodes, &rows)
        shelves[ordinal] = .vacant
        ordinals[executor] = nil
        vacantShelves.append(ordinal)
        indexTraits(of: ordinal)
        updateAdmission(of: ordinal)
    }

    /// Whether the executor takes new work; `nil` if it is unknown.
    package func admission(of executor: ExecutorID) -> Admission? { shelf(of: executor)?.admission }

    /// Opens or closes an executor for new work; an unknown one is left unknown.
    package mutating func setAdmission(_ executor: ExecutorID, _ admission: Admission) {
        guard let ordinal = ordinals[executor], shelves[ordinal].admission != admission else { return }
        shelves[ordinal].admission = admission
        updateAdmission(of: ordinal)
    }

    /// Notes what is really free on an executor, as it measures it (`nil`: it does not say), for placing by load.
    package mutating func setLoad(_ executor: ExecutorID, _ load: HostLoad?) {
        guard let ordinal = ordinals[executor] else { return }
        shelves[ordinal].load = load
        updateLoad(of: ordinal)
    }

    private mutating func indexTraits(of ordinal: Int) {
        policies.update(ordinal, shelves[ordinal], &rows)
        let traits = shelves[ordinal].isVacant ? nil : shelves[ordinal].traits
        if axes.update(ordinal, traits, &rows) { groups.forgetPlaces(&rows) }
    }

    private mutating func updateAdmission(of ordinal: Int) {
        knownRefusals = [:]
        updateLoad(of: ordinal)
        rows.set(ordinal, in: open, to: shelves[ordinal].isOpen)
        rows.set(ordinal, in: takers, to: shelves[ordinal].isOpen && shelves[ordinal].hasRoomForOneMore)
    }

    // MARK: instances

    /// Records what an instance holds, in place of what it held before.
    ///
    /// A conflict is recorded too, so that nothing is placed there until all who hold it are gone.
    package mutating func hold(
        _ instance: InstanceID,
        of group: PlacementGroup,
        _ allocation: ResourceAllocation,
        quantities: [String: Int64] = [:],
        on executor: ExecutorID
    ) -> HoldOutcome {
        guard let ordinal = ordinals[executor] else { return .unknownExecutor }
        release(instance)
        return record(instance, of: groups.numberToCount(group), allocation, quantities, on: ordinal)
    }

    /// Records it of an instance that holds nothing yet.
    mutating func record(
        _ instance: InstanceID,
        of group: Int,
        _ allocation: ResourceAllocation,
        _ quantities: [String: Int64],
        on ordinal: Int
    ) -> HoldOutcome {
        var fits = false
        changeNode(of: allocation, on: ordinal) { fits = $0.take(allocation, quantities) }
        let outcome = fits ? HoldOutcome.held : .conflict(with: holder(of: allocation, on: ordinal))
        if !fits { shelves[ordinal].hasOverlap = true }
        let number = vacantHoldings.popLast() ?? holdings.count
        if number == holdings.count { holdings.append(nil) }
        holdings[number] = Holding(
            instance: instance,
            ordinal: ordinal,
            position: shelves[ordinal].holdings.count,
            group: group,
            allocation: allocation,
            quantities: quantities
        )
        shelves[ordinal].holdings.append(number)
        groups.add(group, on: ordinal, axes, &rows)
        homes.insert(number, of: instance)
        updateRoom(of: ordinal)
        return outcome
    }

    /// Gives back what the instance holds, if anything.
    package mutating func release(_ instance: InstanceID) {
        guard let number = homes.find(instance, holdings), let holding = holdings[number] else {
            return
        }
        homes.remove(number, of: instance)
        let ordinal = holding.ordinal
        holdings[number] = nil
        vacantHoldings.append(number)
        if let last = shelves[ordinal].holdings.popLast(), last != number {
            shelves[ordinal].holdings[holding.position] = last
            holdings[last]?.position = holding.position
        }
        if shelves[ordinal].hasOverlap {
            free.remove(ordinal, shelves[ordinal].nodes, &rows)
            shelves[ordinal].clear()
            takeHoldings(on: ordinal)
            free.insert(ordinal, shelves[ordinal].nodes, &rows)
        } else {
            changeNode(of: holding.allocation, on: ordinal) { $0.giveBack(holding.allocation, holding.quantities) }
        }
        groups.remove(holding.group, from: ordinal, axes, &rows)
        updateRoom(of: ordinal)
    }

    /// Takes from a shelf where nothing is taken what its holdings hold; their order does not matter.
    private mutating func takeHoldings(on ordinal: Int) {
        for number in shelves[ordinal].holdings {
            guard let holding = holdings[number] else { continue }
            let fits = shelves[ordinal].take(holding.allocation, holding.quantities)
            if !fits { shelves[ordinal].hasOverlap = true }
        }
    }

    /// Changes nothing of the executor but the node of the allocation, and quantities, which are not in the index.
    private mutating func changeNode(
        of allocation: ResourceAllocation,
        on ordinal: Int,
        _ change: (inout Shelf) -> Void
    ) {
        let node = shelves[ordinal].nodes.firstIndex { $0.id == allocation.numaNode }
        let old = node.map { FreeIndex.Spot(shelves[ordinal].nodes[$0]) }
        change(&shelves[ordinal])
        if let node, let old { free.move(ordinal, node, of: shelves[ordinal].nodes, from: old, &rows) }
    }

    private mutating func updateRoom(of ordinal: Int) {
        updateLoad(of: ordinal)
        if !knownRefusals.isEmpty { knownRefusals = [:] }
        let hasRoom = shelves[ordinal].holdings.count < Self.mostInstancesPerExecutor
        rows.set(ordinal, in: takers, to: hasRoom && rows.contains(ordinal, in: open))
    }

    /// The first instance, by id, that holds one of the cores.
    private func holder(of allocation: ResourceAllocation, on ordinal: Int) -> InstanceID? {
        let cores = CoreSet(allocation.cores)
        return shelves[ordinal].holdings.compactMap { holdings[$0] }.filter { other in
            other.allocation.numaNode == allocation.numaNode
                && other.allocation.cores.contains(where: cores.contains)
        }.map(\.instance).min()
    }

    /// Where the instance is and what it holds there.
    package func holding(of instance: InstanceID) -> (
        executor: ExecutorID, allocation: ResourceAllocation
    )? {
        guard let number = homes.find(instance, holdings), let holding = holdings[number] else {
            return nil
        }
        return (shelves[holding.ordinal].id, holding.allocation)
    }

    func shelf(of executor: ExecutorID) -> Shelf? { ordinals[executor].map { shelves[$0] } }
}

extension Shelf {
    var hasRoomForOneMore: Bool { holdings.count < Ledger.mostInstancesPerExecutor }

    var isOpen: Bool {
        if case .open = admission { true } else { false }
    }
}
