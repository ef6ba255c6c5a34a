import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

struct TopologyTests {
    private static let twoNodes = [
        "/sys/devices/system/node/online": "0-1\n",
        "/sys/devices/system/node/node0/cpulist": "0-2,6\n",
        "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       1048576 kB\nNode 0 MemFree: 5 kB\n",
        "/sys/devices/system/node/node1/cpulist": "3-5\n",
        "/sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:       2097152 kB\n",
        "/proc/self/status": "Name:\tapus\nCpus_allowed:\t7f\nCpus_allowed_list:\t0-6\n",
    ]

    /// Runs `body` with a folder that holds these files.
    private func with(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        for (path, text) in files {
            let file = URL(filePath: folder.path + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: false, encoding: .utf8)
        }
        try body(folder.path)
    }

    @Test
    func `cores and memory are told by NUMA node`() throws {
        try with(Self.twoNodes) { root in
            let topology = try Topology(kernelBelow: root, sharing: .pinned)
            #expect(
                topology
                    == Topology(
                        nodes: [
                            .init(id: 0, cores: [0, 1, 2, 6], memoryMB: 1_024),
                            .init(id: 1, cores: [3, 4, 5], memoryMB: 2_048),
                        ],
                        sharing: .pinned
                    )
            )
        }
    }

    @Test
    func `reserved and forbidden cores are not offered, memory only in part`() throws {
        var files = Self.twoNodes
        files["/proc/self/status"] = "Cpus_allowed_list:\t0-1,3-5\n"
        try with(files) { root in
            let topology = try Topology(
                kernelBelow: root,
                offering: .init(reservedCores: [0], exposedMemoryPercent: 75),
                sharing: .shared(multiplier: 4)
            )
            #expect(topology.nodes.map(\.cores) == [[1], [3, 4, 5]])
            #expect(topology.nodes.map(\.memoryMB) == [768, 1_536])
            #expect(topology.sharing == .shared(multiplier: 4))
        }
    }

    @Test
    func `a node without a usable core is left out`() throws {
        var files = Self.twoNodes
        files["/sys/devices/system/node/node1/cpulist"] = "\n"
        try with(files) { root in
            let topology = try Topology(kernelBelow: root, sharing: .pinned)
            #expect(topology.nodes.map(\.id) == [0])
        }
    }

    @Test
    func `threads of one core are known, as far as they are offered`() throws {
        var files = Self.twoNodes
        let siblings = [0: "0,6", 6: "0,6", 1: "1-2", 2: "1-2", 3: "3", 4: "4-5", 5: "4-5"]
        for (core, list) in siblings {
            files["/sys/devices/system/cpu/cpu\(core)/topology/thread_siblings_list"] = list + "\n"
        }
        try with(files) { root in
            let all = try Topology(kernelBelow: root, sharing: .pinned)
            #expect(all.nodes.map(\.siblings) == [[[0, 6], [1, 2]], [[4, 5]]])
            let part = try Topology(kernelBelow: root, offering: .init(reservedCores: [6]), sharing: .pinned)
            #expect(part.nodes.map(\.siblings) == [[[1, 2]], [[4, 5]]])
        }
    }

    @Test
    func `merged nodes are one, and memory may be handed out more than once`() throws {
        try with(Self.twoNodes) { root in
            let topology = try Topology(
                kernelBelow: root,
                offering: .init(exposedMemoryPercent: 50, memoryMultiplier: 3, numa: .merged),
                sharing: .pinned
            )
            #expect(topology.nodes == [.init(id: 0, cores: [0, 1, 2, 3, 4, 5, 6], memoryMB: 3 * 1_536)])
            #expect(topology.memoryMultiplier == 3)
        }
    }

    @Test
    func `a file may declare another machine`() throws {
        func declared(_ text: String) throws -> Topology {
            var topology: Topology?
            try with(["/machine.json": text]) { root in
                let source = ExecutorSettings.Hardware.Source.declared(path: root + "/machine.json")
                topology = try Topology(offering: .init(source: source, reservedCores: [64]), sharing: .pinned)
            }
            return try #require(topology)
        }
        let text = #"{"nodes": [{"id": 2, "cores": [64, 65, 66], "memoryMB": 9, "siblings": [[65, 66]]}]}"#
        #expect(try declared(text).nodes == [.init(id: 2, cores: [65, 66], memoryMB: 9, siblings: [[65, 66]])])
        let faults = [
            "{": "declares no topology", "{}": "nodes is missing",
            #"{"nodes": [{"id": 0, "cores": [1, 1], "memoryMB": 9}]}"#: "a core is named twice",
            #"{"nodes": [{"id": 0, "cores": [-1], "memoryMB": 9}]}"#: "topology.nodes.cores must be 0 to",
            #"{"nodes": [{"id": 0, "cores": [1], "memoryMB": 9, "siblings": [[1, 2]]}]}"#: "siblings of node 0",
            String(repeating: " ", count: 1 << 21): "is longer than 1048576 bytes",
        ]
        for (text, reason) in faults {
            let error = #expect(throws: TopologyError.self) { try declared(text) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
    }

    @Test
    func `lists of cores are read and written as the kernel has them`() throws {
        #expect(try CoreList.numbers("0-2,7") == [0, 1, 2, 7])
        #expect(CoreList.text([0, 1, 2, 7, 9, 10]) == "0-2,7,9-10")
        for wrong in ["3-1", "-1", "x", "0-99999999"] {
            #expect(throws: TopologyError.self, "\(wrong)") { try CoreList.numbers(wrong) }
        }
    }

    @Test
    func `a kernel without NUMA has one node`() throws {
        let files = [
            "/sys/devices/system/cpu/online": "0-3\n", "/proc/meminfo": "MemTotal:        4194304 kB\nMemFree: 1 kB\n",
        ]
        try with(files) { root in
            let topology = try Topology(kernelBelow: root, sharing: .pinned)
            #expect(topology.nodes == [.init(id: 0, cores: [0, 1, 2, 3], memoryMB: 4_096)])
        }
    }

    @Test
    func `what is wrong is named`() throws {
        func complaint(_ files: [String: String], reserved: Set<Int> = [], percent: Int = 100) throws -> String {
            var text = ""
            try with(files) { root in
                let error = #expect(throws: TopologyError.self) {
                    try Topology(
                        kernelBelow: root,
                        offering: .init(reservedCores: reserved, exposedMemoryPercent: percent),
                        sharing: .pinned
                    )
                }
                text = error?.description ?? ""
            }
            return text
        }
        #expect(try complaint([:]).contains("/sys/devices/system/node"))
        #expect(try complaint(Self.twoNodes, reserved: [64]) == "reserved cores [64] are not on this machine")
        #expect(try complaint(Self.twoNodes, reserved: Set(0...6)).contains("no core is left"))
        #expect(try complaint(Self.twoNodes, percent: 0) == "exposed memory of 0 % is not within 1 to 100")
        var files = Self.twoNodes
        files["/sys/devices/system/node/node1/cpulist"] = "3-x"
        #expect(try complaint(files).contains("node1/cpulist has 3-x, which is no range of numbers"))
    }

    @Test
    func `this machine has cores and memory`() throws {
        let topology = try Topology(sharing: .pinned)
        #expect(topology.nodes.flatMap(\.cores).count == ProcessInfo.processInfo.activeProcessorCount)
        #expect(topology.nodes.allSatisfy { $0.memoryMB > 64 })
    }
}
