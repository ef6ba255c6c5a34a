import ApusModel
import ApusPlacement

extension Topology {
    /// NUMA nodes of the given numbers of cores, numbered through, each with the same memory.
    static func pinned(cores: [Int], memoryMB: Int64 = 1000, quantities: [String: Int64] = [:]) -> Topology {
        var first = 0
        let nodes = cores.enumerated().map { index, count in
            defer { first += count }
            return Node(id: index, cores: Array(first..<first + count), memoryMB: memoryMB)
        }
        return Topology(nodes: nodes, sharing: .pinned, quantities: quantities)
    }
}

extension Ledger {
    /// Executors `e0`, `e1`, … with these topologies.
    init(_ topologies: Topology...) {
        self.init()
        for (index, topology) in topologies.enumerated() {
            offer(ExecutorID("e\(index)"), topology: topology, traits: HostTraits(hostname: "host-\(index)"))
        }
    }

    /// Places and gives the executor's id and the cores as text, or the refusal's text.
    mutating func placed(_ request: PlacementRequest, tieBreak: UInt64 = 1) -> String {
        switch place(request, tieBreak: tieBreak) {
        case .placed(let executor, let allocation): "\(executor) \(allocation.cores)"
        case .refused(let refusal): refusal.text
        }
    }
}

extension PlacementGroup {
    /// The version of that id; its name is what stands before the last hyphen.
    init(_ app: String) {
        self.init(version: AppID(app), name: String(app.prefix(upTo: app.lastIndex(of: "-") ?? app.endIndex)))
    }
}

func request(
    _ instance: String,
    app: String = "app-1",
    cores: Int = 1,
    memoryMB: Int64 = 10,
    quantities: [String: Int64] = [:],
    policy: PlacementPolicy = .any,
    avoiding: Set<ExecutorID> = []
) -> PlacementRequest {
    PlacementRequest(
        instance: InstanceID(instance),
        group: PlacementGroup(app),
        cores: cores,
        memoryMB: memoryMB,
        quantities: quantities,
        policy: policy,
        avoiding: avoiding
    )
}
