import ApusModel

/// What one executor offers, and who holds what of it.
struct Shelf: Sendable {
    /// A NUMA node: which slots are offered and which of those are free.
    struct Node: Sendable {
        let id: Int
        let offered: CoreSet
        var free: CoreSet
        let memoryMB: Int64
        var heldMB: Int64 = 0

        /// Negative when more is held than is offered.
        ///
        /// Sums wrap: a wrong report must not end the process.
        var freeMB: Int64 { memoryMB &- heldMB }
    }

    struct Holding: Sendable {
        let group: PlacementGroup
        let allocation: ResourceAllocation
        let quantities: [String: Int64]
    }

    let id: ExecutorID
    private(set) var traits: HostTraits
    var admission = Admission.open
    private(set) var nodes: [Node] = []
    private(set) var quantities: [String: Int64] = [:]
    private(set) var heldQuantities: [String: Int64] = [:]
    private(set) var holdings: [InstanceID: Holding] = [:]
    /// Two instances may hold the same slot: a release must then look at who remains.
    private var hasOverlap = false

    init(id: ExecutorID, traits: HostTraits) {
        self.id = id
        self.traits = traits
    }

    mutating func offer(_ topology: Topology, traits: HostTraits) {
        self.traits = traits
        nodes = topology.nodes.map { node in
            let slots = CoreSet(topology.slots(of: node))
            return Node(id: node.id, offered: slots, free: slots, memoryMB: node.memoryMB)
        }
        quantities = topology.quantities
        recount()
    }

    /// Records the holding; it must not be recorded already.
    mutating func hold(_ instance: InstanceID, _ holding: Holding) -> HoldOutcome {
        let fits = take(holding)
        defer { holdings[instance] = holding }
        guard !fits else { return .held }
        hasOverlap = true
        return .conflict(with: holder(of: holding.allocation))
    }

    mutating func release(_ instance: InstanceID) -> Holding? {
        guard let holding = holdings.removeValue(forKey: instance) else { return nil }
        if hasOverlap { recount() } else { giveBack(holding) }
        return holding
    }

    /// The first instance, by id, that holds one of the cores.
    private func holder(of allocation: ResourceAllocation) -> InstanceID? {
        let cores = CoreSet(allocation.cores)
        return holdings.filter { _, other in
            other.allocation.numaNode == allocation.numaNode && other.allocation.cores.contains(where: cores.contains)
        }.keys.min()
    }

    /// Takes what is held from what is free; false if not all of it was offered and free.
    private mutating func take(_ holding: Holding) -> Bool {
        let allocation = holding.allocation
        var fits = true
        for (name, amount) in holding.quantities {
            let held = heldQuantities[name, default: 0] &+ amount
            heldQuantities[name] = held
            if held > quantities[name, default: 0] { fits = false }
        }
        guard let index = nodes.firstIndex(where: { $0.id == allocation.numaNode }) else { return false }
        for core in allocation.cores where !nodes[index].free.remove(core) { fits = false }
        nodes[index].heldMB &+= allocation.memoryMB
        return fits && nodes[index].freeMB >= 0
    }

    private mutating func giveBack(_ holding: Holding) {
        let allocation = holding.allocation
        for (name, amount) in holding.quantities { heldQuantities[name, default: 0] &-= amount }
        guard let index = nodes.firstIndex(where: { $0.id == allocation.numaNode }) else { return }
        for core in allocation.cores where nodes[index].offered.contains(core) { nodes[index].free.insert(core) }
        nodes[index].heldMB &-= allocation.memoryMB
    }

    /// Counts anew what is free, from the holdings; their order does not matter.
    private mutating func recount() {
        heldQuantities = [:]
        for index in nodes.indices {
            nodes[index].free = nodes[index].offered
            nodes[index].heldMB = 0
        }
        hasOverlap = false
        for holding in holdings.values where !take(holding) { hasOverlap = true }
    }
}
