extension ApplicationSpec {
    /// The longest JSON form taken; a stored record of it with what belongs to it may be 256 KiB.
    package static let largestBytes = 192 * 1024
    /// The longest command line: the arguments joined by spaces, in UTF-16 units as Java counts.
    package static let longestArguments = 2048
    /// The longest `<name>-<version>`: it stands in file names, and in the record of every executor that runs it.
    package static let longestID = 160
    /// The most exposed ports, and the longest name of one: each stands in the same record.
    package static let mostPorts = 64
    package static let longestPortName = 64
    /// The deepest nesting of COMPOSITE policies, so that every message around a specification stays readable.
    package static let deepestPolicy = 16

    /// The rules across several fields (contract §3.6), and what Apus adds to them.
    func checkWhole(_ reader: SpecReader) {
        if args.count > Self.longestArguments {
            reader.refuse("args", "size must be between 0 and \(Self.longestArguments)")
        }
        if id.rawValue.utf8.count > Self.longestID {
            reader.refuse(whole: "Name and version can have at most \(Self.longestID - 1) characters together")
        }
        if exposedPorts.count > Self.mostPorts {
            reader.refuse("exposedPorts", "size must be between 1 and \(Self.mostPorts)")
        }
        for (index, port) in exposedPorts.enumerated() where port.name.utf8.count > Self.longestPortName {
            reader.refuse("exposedPorts[\(index)].name", "size must be between 1 and \(Self.longestPortName)")
        }
        checkPortNames(reader)
        if args.joined(separator: " ").utf16.count > Self.longestArguments {
            reader.refuse(
                whole: "Maximum combined length of command line arguments can be \(Self.longestArguments)"
            )
        }
        checkPolicy(reader)
        let size = json.bytes.count
        if size > Self.largestBytes {
            reader.refuse(
                whole: "The specification is \(size) bytes long as JSON, at most \(Self.largestBytes) are allowed. "
                    + "Fetch large configuration files instead of sending them inline"
            )
        }
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

    private func checkPolicy(_ reader: SpecReader) {
        guard let placementPolicy else { return }
        if placementPolicy.containsLocal {
            reader.refuse(whole: "Local service placement is not allowed for apps")
        }
        if placementPolicy.depth > Self.deepestPolicy {
            reader.refuse("placementPolicy", "must not be nested deeper than \(Self.deepestPolicy) levels")
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
