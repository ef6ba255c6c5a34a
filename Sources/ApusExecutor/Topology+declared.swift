package import ApusModel

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
            return try declared(by: try JSON(parsing: text))
        } catch {
            throw TopologyError(description: "\(path) declares no topology: \(error.message)")
        }
    }

    /// The nodes that it says there are.
    ///
    /// - Throws: `JSONError` with the first that no machine has.
    package static func declared(by json: JSON) throws(JSONError) -> [Node] {
        let nodes = try Topology(json: json).nodes
        try check(nodes)
        return nodes
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
