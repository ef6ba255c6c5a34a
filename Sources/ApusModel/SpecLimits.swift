/// What Apus limits in every specification, beside the contract's own rules.
package enum SpecLimits {
    /// The longest JSON form taken: a stored record holds it and what belongs to it in at most 256 KiB, the ids of an
    /// operation under way among them.
    package static let largestBytes = 160 * 1024
    /// The longest command line: the arguments joined by spaces, in UTF-16 units as Java counts.
    package static let longestArguments = 2048
    /// The longest id of an application or task: it stands in file names, and in records of every executor that runs it.
    package static let longestID = 160
    /// The deepest nesting of COMPOSITE policies, so that every message around a specification stays readable.
    package static let deepestPolicy = 16
    static let mostConfigs = 32
    /// Each SPREAD of a policy is looked at by itself.
    static let mostSpreads = 4

    /// The longest name of an image, and of a directory: what the kernel takes for a path.
    static let longestPath = 4096
    /// The longest wait before a container is stopped: whoever scales or restarts waits as long.
    static let longestWaitBeforeKill = DurationText(1, .hours)

    static func checkName(_ id: String, _ what: String, _ reader: SpecReader) {
        if id.utf8.count > longestID {
            reader.refuse(whole: "\(what) can have at most \(longestID - 1) characters together")
        }
    }

    static func checkArguments(_ args: [String], _ reader: SpecReader) {
        if args.count > longestArguments {
            reader.refuse("args", "size must be between 0 and \(longestArguments)")
        }
        if args.joined(separator: " ").utf16.count > longestArguments {
            reader.refuse(whole: "Maximum combined length of command line arguments can be \(longestArguments)")
        }
    }

    /// Where configuration files go: whole paths, each once.
    static func checkConfigs(_ configs: [ConfigSpec], _ reader: SpecReader) {
        guard configs.count <= mostConfigs else {
            return reader.refuse("configs", "size must be between 0 and \(mostConfigs)")
        }
        var seen: Set<String> = []
        for (index, config) in configs.enumerated() {
            let path = config.localFilename
            // That it is empty has been told already.
            guard !path.isEmpty else { continue }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            let isWhole =
                path.hasPrefix("/") && path.utf8.count <= longestPath && !path.utf8.contains(0)
                && parts.allSatisfy { !["", ".", ".."].contains($0) }
            if !isWhole {
                reader.refuse(
                    "configs[\(index)].localFilename",
                    "must be the whole path of a file in the container, as /etc/app.conf"
                )
            } else if !seen.insert(path).inserted {
                reader.refuse("configs[\(index)].localFilename", "must not be that of another file: \(path)")
            }
        }
    }

    /// `what` is what the specification makes: `apps` or `tasks`.
    static func checkPolicy(_ policy: PlacementPolicy?, of what: String, _ reader: SpecReader) {
        guard let policy else { return }
        if policy.containsLocal {
            reader.refuse(whole: "Local service placement is not allowed for \(what)")
        }
        if policy.spreadsByChoice {
            reader.refuse(
                "placementPolicy",
                "SPREAD cannot be one of the policies of a COMPOSITE with OR: what is spread is spread wherever it goes. "
                    + "Put it beside the others in a COMPOSITE with AND"
            )
        }
        if policy.spreads.count > mostSpreads {
            reader.refuse(
                "placementPolicy",
                "SPREAD may stand in it \(mostSpreads) times, not \(policy.spreads.count) times"
            )
        }
        if policy.depth > deepestPolicy {
            reader.refuse("placementPolicy", "must not be nested deeper than \(deepestPolicy) levels")
        }
    }

    static func checkSize(_ json: JSON, _ reader: SpecReader) {
        let size = json.bytes.count
        if size > largestBytes {
            reader.refuse(
                whole: "The specification is \(size) bytes long as JSON, at most \(largestBytes) are allowed. "
                    + "Fetch large configuration files instead of sending them inline"
            )
        }
    }
}
