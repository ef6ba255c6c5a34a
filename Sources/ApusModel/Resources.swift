/// What one instance holds: cores and memory of exactly one NUMA node.
///
/// On a shared executor the core numbers are slots (`Topology.Sharing.shared`), not the kernel's cores.
package struct ResourceAllocation: Hashable, Sendable {
    package var numaNode: Int
    /// Ascending.
    package var cores: [Int]
    package var memoryMB: Int64

    package init(numaNode: Int, cores: [Int], memoryMB: Int64) {
        self.numaNode = numaNode
        self.cores = cores
        self.memoryMB = memoryMB
    }

    package var json: JSON {
        .members([
            "numaNode": .integer(Int64(numaNode)), "cores": .array(cores.map { .integer(Int64($0)) }),
            "memoryMB": .integer(memoryMB),
        ])
    }

    package init(json: JSON) throws(JSONError) {
        self.init(
            numaNode: try json.int("numaNode"),
            cores: try json.integers("cores"),
            memoryMB: try json.integer("memoryMB")
        )
    }
}

/// The cores and memory that an executor offers.
package struct Topology: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var id: Int
        /// Core numbers offered, ascending; those kept back for the system are not among them.
        package var cores: [Int]
        /// What is handed out: the machine's own, times `memoryMultiplier`.
        package var memoryMB: Int64
        /// The cores of each group are threads of one physical core; a core that has it to itself is in none.
        package var siblings: [[Int]]

        package init(id: Int, cores: [Int], memoryMB: Int64, siblings: [[Int]] = []) {
            self.id = id
            self.cores = cores
            self.memoryMB = memoryMB
            self.siblings = siblings
        }
    }

    package enum Sharing: Hashable, Sendable {
        /// An instance has its cores for itself.
        case pinned
        /// Each core is offered `multiplier` (1–256) times; containers get CPU shares and no cpuset.
        case shared(multiplier: Int)
    }

    /// The name of the quantity that is disk, in MB.
    package static let disk = "disk"

    package var nodes: [Node]
    package var sharing: Sharing
    /// How often each megabyte is handed out.
    package var memoryMultiplier: Int
    /// Named quantities beside cores and memory, of the whole executor.
    package var quantities: [String: Int64]

    package init(
        nodes: [Node],
        sharing: Sharing,
        memoryMultiplier: Int = 1,
        quantities: [String: Int64] = [:]
    ) {
        self.nodes = nodes
        self.sharing = sharing
        self.memoryMultiplier = memoryMultiplier
        self.quantities = quantities
    }

    /// The core numbers that can be handed out on a node: the kernel's when pinned, slots from 0 when shared.
    package func slots(of node: Node) -> [Int] {
        switch sharing {
        case .pinned: node.cores
        case .shared(let multiplier): Array(0..<node.cores.count * multiplier)
        }
    }

    package var json: JSON {
        let multiplier: JSON? =
            switch sharing {
            case .pinned: nil
            case .shared(let multiplier): .integer(Int64(multiplier))
            }
        return .members([
            "nodes": .array(
                nodes.map { node in
                    .members([
                        "id": .integer(Int64(node.id)), "cores": .array(node.cores.map { .integer(Int64($0)) }),
                        "memoryMB": .integer(node.memoryMB), "siblings": node.siblingsJSON,
                    ])
                }
            ),
            "sharedMultiplier": multiplier,
            "memoryMultiplier": memoryMultiplier == 1 ? nil : .integer(Int64(memoryMultiplier)),
            "quantities": .object(quantities.keys.sorted().map { JSON.Member($0, .integer(quantities[$0] ?? 0)) }),
        ])
    }

    package init(json: JSON) throws(JSONError) {
        var nodes: [Node] = []
        for node in try json.array("nodes") {
            nodes.append(
                Node(
                    id: try node.int("id"),
                    cores: try node.integers("cores"),
                    memoryMB: try node.integer("memoryMB"),
                    siblings: try Node.siblings(of: node)
                )
            )
        }
        var quantities: [String: Int64] = [:]
        if case .object(let members) = json["quantities"] ?? .null {
            for member in members {
                guard case .integer(let amount) = member.value else {
                    throw JSONError("quantities must hold integers only")
                }
                quantities[member.key] = amount
            }
        }
        var sharing = Sharing.pinned
        if json["sharedMultiplier"] != nil {
            let multiplier = try json.int("sharedMultiplier")
            guard (1...256).contains(multiplier) else { throw JSONError("sharedMultiplier must be 1 to 256") }
            sharing = .shared(multiplier: multiplier)
        }
        let memory = json["memoryMultiplier"] == nil ? 1 : try json.int("memoryMultiplier")
        self.init(nodes: nodes, sharing: sharing, memoryMultiplier: memory, quantities: quantities)
    }
}

extension Topology.Node {
    /// Left out where there are none.
    package var siblingsJSON: JSON? {
        siblings.isEmpty ? nil : .array(siblings.map { .array($0.map { .integer(Int64($0)) }) })
    }

    fileprivate static func siblings(of json: JSON) throws(JSONError) -> [[Int]] {
        guard json["siblings"] != nil else { return [] }
        var groups: [[Int]] = []
        for group in try json.array("siblings") { groups.append(try JSON.members(["cores": group]).integers("cores")) }
        return groups
    }
}

/// A container's port and the port of the host it is published on.
package struct PortMapping: Hashable, Sendable {
    package var name: String
    package var containerPort: Int
    package var hostPort: Int
    package var type: PortType

    package init(name: String, containerPort: Int, hostPort: Int, type: PortType) {
        self.name = name
        self.containerPort = containerPort
        self.hostPort = hostPort
        self.type = type
    }

    package var json: JSON {
        .members([
            "name": .string(name), "containerPort": .integer(Int64(containerPort)),
            "hostPort": .integer(Int64(hostPort)), "portType": .string(type.rawValue),
        ])
    }

    package init(json: JSON) throws(JSONError) {
        let type = try json.string("portType")
        guard let portType = PortType(rawValue: type) else { throw JSONError("portType \(type) is not known") }
        self.init(
            name: try json.string("name"),
            containerPort: try json.int("containerPort"),
            hostPort: try json.int("hostPort"),
            type: portType
        )
    }
}
