#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What this machine's kernel tells at one moment, whatever runs on it.
struct MachineReading: Hashable, Sendable {
    /// Bytes in and out since the machine began.
    struct Traffic: Hashable, Sendable {
        var incoming: Int64 = 0
        var outgoing: Int64 = 0

        mutating func add(_ incoming: Int64, _ outgoing: Int64) {
            self.incoming &+= incoming
            self.outgoing &+= outgoing
        }
    }

    struct Space: Hashable, Sendable {
        var total: Int64
        var free: Int64
    }

    /// `nil` where the kernel does not tell.
    var ticks: LoadGauge.Ticks?
    /// In bytes.
    var memory: Space?
    /// Of 1, 5 and 15 minutes.
    var load: [Double] = []
    var network: Traffic?
    var disk: Traffic?
    /// Of the file system with the executor's state, in bytes; who measures that adds it.
    var space: Space?
    /// Of that with the logs, if they have a directory of their own.
    var logSpace: Space?

    /// Reads the kernel's files, which never hang; blocks its thread.
    ///
    /// What cannot be read is left out. `root` stands before `/proc` and `/sys`, for tests.
    init(kernelBelow root: String) {
        /// What cannot be read, or is not understood, has no value; nothing depends on it.
        func known<Value>(_ reading: () throws -> Value?) -> Value? {
            do {
                return try reading()
            } catch {
                return nil
            }
        }
        func text(_ path: String) -> String? { known { try KernelFile.text(below: root, path) } }
        ticks = text("/proc/stat").flatMap { stat in known { try LoadGauge.ticks(stat) } }
        memory = text("/proc/meminfo").flatMap(Self.memory)
        load = text("/proc/loadavg").map(Self.load) ?? []
        network = text("/proc/net/dev").map {
            Self.network($0) { access("\(root)/sys/class/net/\($0)/device", F_OK) == 0 }
        }
        disk = text("/proc/diskstats").map { Self.disk($0) { access("\(root)/sys/block/\($0)", F_OK) == 0 } }
    }

    /// From lines such as `MemTotal: 24690000 kB`.
    static func memory(_ text: String) -> Space? {
        var kilobytes: [Substring: Int64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1 { kilobytes[words[0]] = Int64(words[1]) }
        }
        guard let total = kilobytes["MemTotal:"], let free = kilobytes["MemAvailable:"] else { return nil }
        return Space(total: total * 1024, free: free * 1024)
    }

    /// From `0.52 0.58 0.59 3/602 29283`.
    static func load(_ text: String) -> [Double] { text.split(separator: " ").prefix(3).compactMap { Double($0) } }

    /// Those interfaces alone that are devices, as `isDevice` knows them: what is built of them would count twice.
    ///
    /// Where none is (in a container, say), all but those whose traffic stays within the machine.
    static func network(_ text: String, isDevice: (Substring) -> Bool) -> Traffic {
        var traffic = Traffic()
        var ofDevices = Traffic()
        var hasDevice = false
        for line in text.split(separator: "\n") {
            let halves = line.split(separator: ":", maxSplits: 1)
            guard halves.count == 2 else { continue }
            let name = halves[0].drop { $0 == " " }
            let words = halves[1].split(separator: " ").map { Int64($0) ?? 0 }
            let isWithin = name == "lo" || ["veth", "docker", "br-", "virbr"].contains { name.hasPrefix($0) }
            guard words.count > 8 else { continue }
            if isDevice(name) {
                hasDevice = true
                ofDevices.add(words[0], words[8])
            }
            if !isWithin { traffic.add(words[0], words[8]) }
        }
        return hasDevice ? ofDevices : traffic
    }

    /// Whole disks alone, as `isDisk` knows them: what is built of disks, and their parts, would count twice.
    static func disk(_ text: String, isDisk: (Substring) -> Bool) -> Traffic {
        /// Of the kernel's own counting, whatever the disk's are.
        let sector: Int64 = 512
        var traffic = Traffic()
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 9 else { continue }
            let isBuilt = ["loop", "ram", "dm-", "md", "zram", "sr"].contains { words[2].hasPrefix($0) }
            guard !isBuilt, isDisk(words[2]), let read = Int64(words[5]), let written = Int64(words[9]) else {
                continue
            }
            traffic.add(read &* sector, written &* sector)
        }
        return traffic
    }
}
