import ApusModel

extension Topology {
    /// A file is read up to here.
    private static let largestFile = 1 << 20

    /// The machine that a file declares: `{"nodes": [{"id": 0, "cores": [0, 1], "memoryMB": 4096}]}`; `siblings` of a
    /// node may list the threads of each physical core.
    static func declared(in path: String) throws -> [Node] {
        guard let text = try KernelFile.text(below: "", path, atMost: largestFile) else {
            throw TopologyError(description: "there is no \(path) to declare a topology")
        }
        do throws(JSONError) {
            let topology = try Topology(json: try JSON(parsing: text))
            try check(topology.nodes)
            return topology.nodes
        } catch {
            throw TopologyError(description: "\(path) declares no topology: \(error.message)")
        }
    }

    private static func check(_ nodes: [Node]) throws(JSONError) {
        let description = NodeDescription(topology: Topology(nodes: nodes, sharing: .pinned), tags: [], metadata: [:])
        try description.checkLimits()
        guard Set(nodes.map(\.id)).count == nodes.count else { throw JSONError("two nodes have the same id") }
        let cores = nodes.flatMap(\.cores)
        guard Set(cores).count == cores.count else { throw JSONError("a core is named twice") }
        for node in nodes where node.siblings.contains(where: { !Set($0).isSubset(of: node.cores) }) {
            throw JSONError("siblings of node \(node.id) are not all cores of it")
        }
    }
}
