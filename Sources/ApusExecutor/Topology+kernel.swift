package import ApusModel

/// Why the machine's cores and memory could not be told.
package struct TopologyError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

extension Topology {
    /// What the kernel offers to this process: the cores it may use, by NUMA node, less those reserved.
    ///
    /// `reservedCores` stay with the system; `exposedMemoryPercent` (1–100) is the share of each node's memory that is
    /// offered. `root` stands before `/sys` and `/proc`, for tests. Throws `TopologyError` naming the file or
    /// parameter that is wrong, or if no core is left.
    package init(
        kernelBelow root: String = "",
        reservedCores: Set<Int> = [],
        exposedMemoryPercent: Int = 100,
        sharing: Sharing
    ) throws {
        guard (1...100).contains(exposedMemoryPercent) else {
            throw TopologyError(description: "exposed memory of \(exposedMemoryPercent) % is not within 1 to 100")
        }
        let kernel = KernelFiles(root: root)
        let machine = try kernel.numaNodes() ?? [kernel.wholeMachine()]
        let known = Set(machine.flatMap(\.cores))
        let strange = reservedCores.subtracting(known).sorted()
        guard strange.isEmpty else {
            throw TopologyError(description: "reserved cores \(strange) are not on this machine")
        }
        let allowed = try kernel.allowedCores().map(Set.init) ?? known
        let nodes = machine.map { node in
            Node(
                id: node.id,
                cores: node.cores.filter { allowed.contains($0) && !reservedCores.contains($0) }.sorted(),
                memoryMB: node.memoryMB * Int64(exposedMemoryPercent) / 100
            )
        }
        // A node of memory alone, or one of which this process may use no core, has nothing to run on.
        let usable = nodes.filter { !$0.cores.isEmpty }
        guard !usable.isEmpty else {
            throw TopologyError(
                description: "no core is left: this process may use \(allowed.sorted()) and all are reserved"
            )
        }
        self.init(nodes: usable, sharing: sharing)
    }
}

/// The files in which the kernel describes the machine.
private struct KernelFiles {
    let root: String

    /// By node; `nil` on a kernel without NUMA.
    func numaNodes() throws -> [Topology.Node]? {
        let folder = "/sys/devices/system/node"
        guard let online = try text("\(folder)/online") else { return nil }
        return try numbers(online, in: "\(folder)/online").map { id in
            let path = "\(folder)/node\(id)"
            guard let cores = try text("\(path)/cpulist"), let memory = try text("\(path)/meminfo") else {
                throw TopologyError(description: "\(root)\(path) lacks cpulist or meminfo")
            }
            return Topology.Node(
                id: id,
                cores: try numbers(cores, in: "\(path)/cpulist"),
                memoryMB: try totalMB(memory, in: "\(path)/meminfo")
            )
        }
    }

    /// All of it as one node.
    func wholeMachine() throws -> Topology.Node {
        let cores = "/sys/devices/system/cpu/online"
        let memory = "/proc/meminfo"
        guard let coreText = try text(cores), let memoryText = try text(memory) else {
            throw TopologyError(
                description: "there is neither \(root)/sys/devices/system/node nor \(cores) and \(memory)"
            )
        }
        return Topology.Node(
            id: 0,
            cores: try numbers(coreText, in: cores),
            memoryMB: try totalMB(memoryText, in: memory)
        )
    }

    /// What affinity and cpuset leave to this process; `nil` if the kernel does not tell.
    func allowedCores() throws -> [Int]? {
        let path = "/proc/self/status"
        let label = "Cpus_allowed_list:"
        guard let line = try text(path)?.split(separator: "\n").first(where: { $0.hasPrefix(label) }) else {
            return nil
        }
        return try numbers(String(line.dropFirst(label.count)), in: path)
    }

    /// The kernel's lists: `0-3,8,10-11`; empty for none.
    private func numbers(_ list: String, in path: String) throws -> [Int] {
        let words = list.filter { !$0.isWhitespace }
        return try words.split(separator: ",").flatMap { range in
            let ends = range.split(separator: "-", maxSplits: 1).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < 1 << 20 else {
                throw TopologyError(description: "\(root)\(path) has \(range), which is no range of numbers")
            }
            return Array(first...last)
        }
    }

    /// The line `MemTotal: 24690000 kB`, with or without `Node 0` before it.
    private func totalMB(_ text: String, in path: String) throws -> Int64 {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let label = words.firstIndex(of: "MemTotal:"), label + 1 < words.count,
                let kilobytes = Int64(words[label + 1])
            else { continue }
            return kilobytes / 1_024
        }
        throw TopologyError(description: "\(root)\(path) has no line MemTotal")
    }

    private func text(_ path: String) throws -> String? { try KernelFile.text(below: root, path) }
}
