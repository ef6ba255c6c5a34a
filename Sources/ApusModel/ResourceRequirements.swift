/// Cores (whole) and memory (MB) of one instance, which are required, and disk (MB), which Apus adds.
///
/// On the wire a list: `[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}]`.
package struct ResourceRequirements: Hashable, Sendable {
    /// The most cores of one instance.
    ///
    /// Drove has no bounds; Apus has, so that sums over 2048 instances stay exact, and because a report with more is
    /// refused.
    package static let mostCores = 4096

    /// 1 to `mostCores`.
    package var cores: Int
    /// 1 to 2^40.
    package var memoryMB: Int64
    /// 1 to 2^40, or 0: none is asked for, and none is held.
    package var diskMB: Int64

    package init(cores: Int, memoryMB: Int64, diskMB: Int64 = 0) {
        self.cores = cores
        self.memoryMB = memoryMB
        self.diskMB = diskMB
    }

    /// What it asks for of its executor beside cores and memory, by the names that executors offer.
    package var quantities: [String: Int64] { diskMB > 0 ? [Topology.disk: diskMB] : [:] }

    /// The form on the wire.
    package var json: JSON {
        let demands: [ResourceDemand] = [.cpu(Int64(cores)), .memory(memoryMB)] + (diskMB > 0 ? [.disk(diskMB)] : [])
        return .array(demands.map(\.json))
    }

    /// Reads the property `resources` of a specification.
    init(listIn reader: SpecReader) {
        let demands: [ResourceDemand] = reader.parts(
            "resources",
            required: "- CPU/Memory requirements must be specified"
        )
        var cores: [Int64] = []
        var memory: [Int64] = []
        var disk: [Int64] = []
        for demand in demands {
            switch demand {
            case .cpu(let count): cores.append(count)
            case .memory(let size): memory.append(size)
            case .disk(let size): disk.append(size)
            }
        }
        if !demands.isEmpty {
            if cores.isEmpty { reader.missing(whole: "Cpu requirements are mandatory") }
            if memory.isEmpty { reader.missing(whole: "Memory requirements are mandatory") }
            if cores.count > 1 { reader.refuse(whole: "Cpu requirements are given more than once") }
            if memory.count > 1 { reader.refuse(whole: "Memory requirements are given more than once") }
        }
        if disk.count > 1 { reader.refuse(whole: "Disk requirements are given more than once") }
        self.init(cores: Int(cores.first ?? 0), memoryMB: memory.first ?? 0, diskMB: disk.first ?? 0)
    }
}

/// One element of the list.
private enum ResourceDemand: SpecPart {
    case cpu(Int64)
    case memory(Int64)
    case disk(Int64)

    init(_ reader: SpecReader) {
        switch reader.kind(["CPU", "MEMORY", "DISK"]) {
        case "CPU": self = .cpu(reader.integer("count", in: 1...Int64(ResourceRequirements.mostCores)))
        case "DISK": self = .disk(reader.integer("sizeInMB", in: 1...(1 << 40)))
        default: self = .memory(reader.integer("sizeInMB", in: 1...(1 << 40)))
        }
    }

    var json: JSON {
        switch self {
        case .cpu(let count): .members(["type": "CPU", "count": .integer(count)])
        case .memory(let size): .members(["type": "MEMORY", "sizeInMB": .integer(size)])
        case .disk(let size): .members(["type": "DISK", "sizeInMB": .integer(size)])
        }
    }
}
