/// The most that a report may say, or an executor's answer to a command. The leader stores, adds up and shows what is in
/// it, so that one without measure could cost the whole cluster its leader.
extension NodeReport {
    /// Its own hostname is one of them.
    package static let mostTags = Limit.entries
    /// In bytes.
    package static let longestTag = Limit.name
    package static let mostMetadata = Limit.entries
    /// Of a value of its metadata, in bytes; a key may have as many as a tag.
    package static let longestMetadata = Limit.text

    /// A report of more than these is refused whole.
    fileprivate enum Limit {
        static let name = 255
        static let text = 1024
        static let nodes = 64
        static let core = 1 << 16
        static let slots = 1 << 16
        static let memoryMB: Int64 = 1 << 40
        /// Milliseconds of 1970, for some thousand years: ages are differences of such.
        static let time = 1 << 48
        static let entries = 64
    }

    /// The report as it is taken: a text for people that is too long is cut, anything else out of bounds refused.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func withinLimits() throws(JSONError) -> NodeReport {
        var report = self
        report.instances = instances.map(\.clipped)
        report.troubles = troubles.map { Trouble($0.channel, $0.text.clipped(toBytes: Limit.text)) }
        report.warnings = warnings.map { $0.clipped(toBytes: Limit.text) }
        try report.checkLimits()
        return report
    }

    /// Looks at every number and length.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func checkLimits() throws(JSONError) {
        try Self.check(identity.cluster.rawValue, "identity.cluster")
        try Self.check(identity.id.rawValue, "identity.id")
        guard !identity.id.rawValue.utf8.contains(UInt8(ascii: "/")) else {
            throw JSONError("identity.id must not contain a slash")
        }
        try Self.check(identity.key.rawValue, "identity.key")
        try Self.check(identity.hostname, "identity.hostname")
        // It becomes a part of URLs, of log lines and of what proxies are told.
        guard identity.hostname.utf8.allSatisfy({ Self.isOfName($0) }) else {
            throw JSONError("identity.hostname must be the name of a host or an IP address")
        }
        try Self.check(identity.port, "identity.port", in: 1...65_535)
        try Self.check(Int(identity.incarnation), "identity.incarnation", in: 0...Int.max)
        try Self.check(Int(revision), "revision", in: 0...Int.max)
        try Self.check(Int(base), "base", in: 0...Int.max)
        for instance in instances { try instance.checkLimits() }
        try description?.checkLimits()
        try load?.checkLimits()
        try Self.check(quarantine?.count ?? 0, "quarantine.count", in: 0...Limit.core)
        for (name, texts) in [("troubles", troubles.texts), ("warnings", warnings)] {
            try Self.check(texts.count, "the number of \(name)", in: 0...Limit.entries)
            for text in texts { try Self.check(text.utf8.count, name, in: 0...4 * Limit.text) }
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-_.:[]".utf8.contains(byte)
        }
    }

    fileprivate static func check(_ text: String, _ what: String, most: Int = Limit.name) throws(JSONError) {
        try check(text.utf8.count, "the length of \(what)", in: 1...most)
    }

    fileprivate static func check(memory: Int64, _ what: String) throws(JSONError) {
        try check(Int(memory), what, in: 0...Int(Limit.memoryMB))
    }

    fileprivate static func check(_ number: Int, _ what: String, in range: ClosedRange<Int>) throws(JSONError) {
        guard range.contains(number) else {
            throw JSONError("\(what) must be \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
    }
}

extension NodeLoad {
    /// Looks at every number.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func checkLimits() throws(JSONError) {
        typealias Limit = NodeReport.Limit
        try NodeReport.check(memory: freeMemoryMB, "load.freeMemoryMB")
        try NodeReport.check(freeCPU, "load.freeCPU", in: 0...1000 * Limit.slots)
        try NodeReport.check(memory: totalMemoryMB ?? 0, "load.totalMemoryMB")
        try NodeReport.check(processors ?? 0, "load.processors", in: 0...Limit.slots)
        try NodeReport.check(memory: totalDiskMB ?? 0, "load.totalDiskMB")
        try NodeReport.check(memory: freeDiskMB ?? 0, "load.freeDiskMB")
    }
}

extension NodeDescription {
    /// Looks at every number and length.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func checkLimits() throws(JSONError) {
        typealias Limit = NodeReport.Limit
        let nodes = topology.nodes
        try NodeReport.check(nodes.count, "the number of NUMA nodes", in: 0...Limit.nodes)
        for node in nodes {
            try NodeReport.check(node.id, "topology.nodes.id", in: 0...Limit.core)
            for core in node.cores { try NodeReport.check(core, "topology.nodes.cores", in: 0...Limit.core) }
            try NodeReport.check(memory: node.memoryMB, "topology.nodes.memoryMB")
            try NodeReport.check(
                node.siblings.reduce(node.siblings.count) { $0 + $1.count },
                "the number of topology.nodes.siblings",
                in: 0...2 * Limit.core
            )
        }
        let cores = nodes.reduce(0) { $0 + $1.cores.count }
        var times = 1
        if case .shared(let multiplier) = topology.sharing { times = multiplier }
        try NodeReport.check(cores * times, "the number of cores", in: 0...Limit.slots)
        try NodeReport.check(topology.memoryMultiplier, "topology.memoryMultiplier", in: 1...256)
        try NodeReport.check(topology.quantities.count, "the number of quantities", in: 0...Limit.entries)
        for (name, amount) in topology.quantities {
            try NodeReport.check(name, "topology.quantities")
            try NodeReport.check(memory: amount, "topology.quantities.\(name)")
        }
        try NodeReport.check(tags.count, "the number of tags", in: 0...Limit.entries)
        for tag in tags { try NodeReport.check(tag, "tags") }
        if let zone { try NodeReport.check(zone, "zone") }
        try NodeReport.check(metadata.count, "the number of metadata entries", in: 0...Limit.entries)
        for (key, value) in metadata {
            try NodeReport.check(key, "metadata")
            try NodeReport.check(value.utf8.count, "the length of metadata.\(key)", in: 0...Limit.text)
        }
    }
}

extension CommandAnswer {
    /// The answer as it is taken: what is said of an instance in it has the measure of what is said in a report.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func withinLimits() throws(JSONError) -> CommandAnswer {
        switch self {
        case .accepted(let report):
            let clipped = report?.clipped
            try clipped?.checkLimits()
            return .accepted(clipped)
        case .refused(let refusal, let reason):
            return .refused(refusal, reason: reason.clipped(toBytes: NodeReport.Limit.text))
        }
    }
}

extension InstanceReport {
    /// With its texts for people cut to size.
    fileprivate var clipped: InstanceReport {
        var report = self
        report.error = error.clipped(toBytes: NodeReport.Limit.text)
        report.progress = progress?.clipped(toBytes: NodeReport.Limit.name)
        return report
    }

    /// Looks at every number and length.
    ///
    /// - Throws: `JSONError` with the first that is out of bounds.
    package func checkLimits() throws(JSONError) {
        typealias Limit = NodeReport.Limit
        try NodeReport.check(id.rawValue, "instances.id")
        try NodeReport.check(owner.description, "instances.app", most: 2 * Limit.name)
        try NodeReport.check(appName, "instances.appName")
        try NodeReport.check(allocation.numaNode, "instances.allocation.numaNode", in: 0...Limit.core)
        try NodeReport.check(allocation.cores.count, "the number of cores", in: 0...ResourceRequirements.mostCores)
        for core in allocation.cores { try NodeReport.check(core, "instances.allocation.cores", in: 0...Limit.slots) }
        try NodeReport.check(memory: allocation.memoryMB, "instances.allocation.memoryMB")
        try NodeReport.check(ports.count, "the number of ports", in: 0...ApplicationSpec.mostPorts)
        for port in ports {
            try NodeReport.check(port.name, "instances.ports.name")
            try NodeReport.check(port.containerPort, "instances.ports.containerPort", in: 0...65_535)
            try NodeReport.check(port.hostPort, "instances.ports.hostPort", in: 0...65_535)
        }
        try NodeReport.check(error.utf8.count, "the length of instances.error", in: 0...16 * Limit.text)
        try NodeReport.check(Int(created.milliseconds), "instances.created", in: 0...Limit.time)
        try NodeReport.check(Int(updated.milliseconds), "instances.updated", in: 0...Limit.time)
        try NodeReport.check(restarts, "instances.restarts", in: 0...Int(Int32.max))
    }
}
