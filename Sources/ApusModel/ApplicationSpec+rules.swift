extension ApplicationSpec {
    /// The most exposed ports, and the longest name of one: each stands in its executor's record.
    package static let mostPorts = 64
    package static let longestPortName = 64

    /// The rules across several fields (contract §3.6), and what Apus adds to them.
    func checkWhole(_ reader: SpecReader) {
        checkParts(reader)
        SpecLimits.checkPolicy(placementPolicy, of: "apps", reader)
        SpecLimits.checkSize(json, reader)
    }

    /// Those that hold for a local service too.
    func checkParts(_ reader: SpecReader) {
        SpecLimits.checkName(id.rawValue, "Name and version", reader)
        if checkPorts(reader) { checkPortNames(reader) }
        SpecLimits.checkArguments(args, reader)
        SpecLimits.checkConfigs(configs, reader)
    }

    /// - Returns: whether they are few and short enough for texts that list all of them.
    private func checkPorts(_ reader: SpecReader) -> Bool {
        guard exposedPorts.count <= Self.mostPorts else {
            reader.refuse("exposedPorts", "size must be between 1 and \(Self.mostPorts)")
            return false
        }
        let long = exposedPorts.indices.filter { exposedPorts[$0].name.utf8.count > Self.longestPortName }
        for index in long {
            reader.refuse("exposedPorts[\(index)].name", "size must be between 1 and \(Self.longestPortName)")
        }
        return long.isEmpty
    }

    private func checkPortNames(_ reader: SpecReader) {
        let names = exposedPorts.map(\.name).filter { !$0.isEmpty }
        // That there are none has been told already.
        guard !names.isEmpty else { return }
        let list = "[\(names.joined(separator: ", "))]"
        var seen: Set<String> = []
        var told: Set<String> = []
        for name in names where !seen.insert(name).inserted && told.insert(name).inserted {
            reader.refuse(whole: "Port name \(name) is defined more than once. Defined port names: \(list)")
        }
        for check in [healthcheck, readiness] {
            guard case .http(let http) = check.mode, !http.portName.isEmpty, !seen.contains(http.portName) else {
                continue
            }
            reader.refuse(
                whole: "Invalid port name for health check: \(http.portName). Available ports: \(list)"
            )
        }
        if let exposed = exposureSpec?.portName, !exposed.isEmpty, !seen.contains(exposed) {
            reader.refuse(whole: "Exposed port name \(exposed) is undefined. Defined port names: \(list)")
        }
    }
}

extension String {
    /// Nothing but ASCII letters, digits, hyphens and underscores; empty counts.
    var isPlainName: Bool {
        utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
