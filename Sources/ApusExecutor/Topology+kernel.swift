package import ApusModel

/// Why the machine's cores and memory could not be told.
package struct TopologyError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

extension Topology {
    /// What this process may hand out of the machine as the settings have it.
    ///
    /// `root` stands before `/sys` and `/proc`, for tests. Throws `TopologyError` naming the file or parameter that is
    /// wrong, or if no core is left.
    package init(
        kernelBelow root: String = "",
        offering hardware: ExecutorSettings.Hardware = ExecutorSettings.Hardware(),
        sharing: Sharing
    ) throws {
        let percent = hardware.exposedMemoryPercent
        guard (1...100).contains(percent) else {
            throw TopologyError(description: "exposed memory of \(percent) % is not within 1 to 100")
        }
        let machine: [Node]
        let allowed: Set<Int>?
        switch hardware.source {
        case .kernel:
            let kernel = KernelFiles(root: root)
            machine = try kernel.machine()
            allowed = try kernel.allowedCores().map(Set.init)
        case .declared(let path): (machine, allowed) = (try Self.declared(in: path), nil)
        }
        let known = Set(machine.flatMap(\.cores))
        let strange = hardware.reservedCores.subtracting(known).sorted()
        guard strange.isEmpty else {
            throw TopologyError(description: "reserved cores \(strange) are not on this machine")
        }
        let mayUse = (allowed ?? known).subtracting(hardware.reservedCores)
        // A node of memory alone, or one of which this process may use no core, has nothing to run on.
        let usable = machine.map { $0.offering(mayUse, percent, hardware.memoryMultiplier) }.filter {
            !$0.cores.isEmpty
        }
        guard !usable.isEmpty else {
            throw TopologyError(
                description: "no core is left: this process may use \((allowed ?? known).sorted()) and all are reserved"
            )
        }
        self.init(
            nodes: hardware.numa == .merged ? [Node(merging: usable)] : usable,
            sharing: sharing,
            memoryMultiplier: hardware.memoryMultiplier
        )
    }
}

extension Topology.Node {
    fileprivate init(merging nodes: [Self]) {
        self.init(
            id: 0,
            cores: nodes.flatMap(\.cores).sorted(),
            memoryMB: nodes.reduce(0) { $0 + $1.memoryMB },
            siblings: nodes.flatMap(\.siblings)
        )
    }

    fileprivate func offering(_ mayUse: Set<Int>, _ percent: Int, _ multiplier: Int) -> Self {
        Self(
            id: id,
            cores: cores.filter(mayUse.contains).sorted(),
            memoryMB: memoryMB * Int64(percent) / 100 * Int64(multiplier),
            siblings: siblings.map { $0.filter(mayUse.contains) }.filter { $0.count > 1 }
        )
    }
}

/// The files in which the kernel describes the machine.
private struct KernelFiles {
    let root: String

    /// All of it, node by node.
    func machine() throws -> [Topology.Node] {
        try (numaNodes() ?? [wholeMachine()]).map { node in
            var node = node
            node.siblings = try siblings(among: node.cores)
            return node
        }
    }

    /// By node; `nil` on a kernel without NUMA.
    private func numaNodes() throws -> [Topology.Node]? {
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
    private func wholeMachine() throws -> Topology.Node {
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

    /// The threads of each physical core that has more than one; none if the kernel does not tell.
    private func siblings(among cores: [Int]) throws -> [[Int]] {
        var groups: Set<[Int]> = []
        for core in cores {
            let path = "/sys/devices/system/cpu/cpu\(core)/topology/thread_siblings_list"
            guard let list = try text(path) else { continue }
            let threads = try numbers(list, in: path).sorted()
            if threads.count > 1 { groups.insert(threads) }
        }
        return groups.sorted { $0.lexicographicallyPrecedes($1) }
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

    private func numbers(_ list: String, in path: String) throws -> [Int] {
        do throws(TopologyError) {
            return try CoreList.numbers(list)
        } catch {
            throw TopologyError(description: "\(root)\(path) has \(error)")
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

/// Numbers as the kernel lists them: `0-3,8,10-11`; empty for none.
package enum CoreList {
    /// No kernel has as many processors; a list of more is none.
    private static let most = 1 << 20

    /// The numbers in the order of the list.
    package static func numbers(_ list: String) throws(TopologyError) -> [Int] {
        var numbers: [Int] = []
        for range in list.filter({ !$0.isWhitespace }).split(separator: ",") {
            let ends = range.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, 0 <= first, first <= last, last < most,
                numbers.count + last - first < most
            else { throw TopologyError(description: "\(range), which is no range of numbers") }
            numbers += first...last
        }
        return numbers
    }

    /// The list of ascending numbers.
    package static func text(_ numbers: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
