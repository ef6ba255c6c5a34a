import ApusModel

/// What one executor offers, and what is taken of it.
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

    let id: ExecutorID
    /// The executor was withdrawn, and no other has its place yet.
    private(set) var isVacant = false
    private(set) var topology = Topology(nodes: [], sharing: .pinned)
    private(set) var traits: HostTraits
    var admission = Admission.open
    private(set) var nodes: [Node] = []
    /// Negative where more is held than is offered.
    private(set) var freeQuantities: [String: Int64] = [:]
    /// The numbers of the holdings here, in no order.
    var holdings: [Int] = []
    /// Two instances may hold the same slot: a release must then look at who remains.
    var hasOverlap = false
    /// What is really free, as the executor measures it; `nil` if it does not say.
    var load: HostLoad?

    init(id: ExecutorID, traits: HostTraits) {
        self.id = id
        self.traits = traits
    }

    /// A place that no executor has.
    static var vacant: Shelf {
        var shelf = Shelf(id: ExecutorID(""), traits: HostTraits(hostname: ""))
        shelf.isVacant = true
        shelf.admission = .closed(.lost)
        return shelf
    }

    /// Offers this from now on, with nothing taken.
    mutating func offer(_ topology: Topology, traits: HostTraits) {
        self.topology = topology
        self.traits = traits
        nodes = topology.nodes.map { node in
            let slots = CoreSet(topology.slots(of: node))
            return Node(id: node.id, offered: slots, free: slots, memoryMB: node.memoryMB)
        }
        clear()
    }

    /// Nothing is taken.
    mutating func clear() {
        freeQuantities = topology.quantities
        for index in nodes.indices {
            nodes[index].free = nodes[index].offered
            nodes[index].heldMB = 0
        }
        hasOverlap = false
    }

    /// Takes what is held from what is free; false if not all of it was offered and free.
    mutating func take(_ allocation: ResourceAllocation, _ amounts: [String: Int64]) -> Bool {
        var fits = true
        for (name, amount) in amounts {
            let left = freeQuantities[name, default: 0] &- amount
            freeQuantities[name] = left
            if left < 0 { fits = false }
        }
        guard let index = nodes.firstIndex(where: { $0.id == allocation.numaNode }) else {
            return false
        }
        for core in allocation.cores where !nodes[index].free.remove(core) { fits = false }
        nodes[index].heldMB &+= allocation.memoryMB
        return fits && nodes[index].freeMB >= 0
    }

    mutating func giveBack(_ allocation: ResourceAllocation, _ amounts: [String: Int64]) {
        for (name, amount) in amounts { freeQuantities[name, default: 0] &+= amount }
        guard let index = nodes.firstIndex(where: { $0.id == allocation.numaNode }) else { return }
        for core in allocation.cores where nodes[index].offered.contains(core) {
            nodes[index].free.insert(core)
        }
        nodes[index].heldMB &-= allocation.memoryMB
    }

    // MARK: what fits

    /// The quantity, first by name, of which it has not enough.
    func lacking(_ amounts: [String: Int64]) -> String? { Self.lacking(amounts, of: freeQuantities) }

    /// The quantity, first by name, of which not enough is free.
    static func lacking(_ amounts: [String: Int64], of free: [String: Int64]) -> String? {
        var first: String?
        for (name, amount) in amounts where amount > free[name] ?? 0 { first = min(first ?? name, name) }
        return first
    }

    /// The best of its NUMA nodes for the request; `nil` if none fits.
    func bestNode(for request: PlacementRequest) -> Int? {
        nodes.indices.filter { nodes[$0].fits(request) }.min { left, right in
            let (left, right) = (nodes[left], nodes[right])
            return (left.free.count, FreeIndex.memoryClass(ofMB: left.freeMB))
                < (right.free.count, FreeIndex.memoryClass(ofMB: right.freeMB))
        }
    }

    /// Why the request does not fit into what is free; `nil` if it does.
    func shortage(for request: PlacementRequest) -> RefusalReason? {
        guard nodes.contains(where: { $0.fits(request) }) else {
            if nodes.reduce(0, { $0 + $1.free.count }) < request.cores { return .notEnoughCores }
            if nodes.reduce(0, { $0 &+ max(0, $1.freeMB) }) < request.memoryMB { return .notEnoughMemory }
            return .notEnoughOnOneNode
        }
        return lacking(request.quantities).map { .notEnough(quantity: $0) }
    }
}

extension Shelf.Node {
    func fits(_ request: PlacementRequest) -> Bool {
        free.count >= request.cores && freeMB >= request.memoryMB
    }

    /// The lowest free slots; the node must fit the request.
    func allocation(for request: PlacementRequest) -> ResourceAllocation {
        ResourceAllocation(numaNode: id, cores: free.lowest(request.cores), memoryMB: request.memoryMB)
    }
}
