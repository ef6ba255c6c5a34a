import ApusExecutor
import ApusModel
import ArgumentParser

/// What an executor is called beside its hostname, and where it stands, for placement policies.
struct TraitOptions: ParsableArguments {
    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp(
            "A tag of this executor, which a placement policy may ask for. May be repeated. Its hostname always is one.",
            valueName: "tag"
        )
    )
    var tags: [String] = []

    @Option(
        help: ArgumentHelp(
            "The zone in which this machine stands, such as a data hall: SPREAD keeps instances apart by it.",
            valueName: "name"
        )
    )
    var zone: String?

    @Option(
        name: .customLong("metadata"),
        help: ArgumentHelp(
            "A fact about this executor, for RULE_BASED and SPREAD policies. May be repeated.",
            valueName: "key=value"
        )
    )
    var entries: [String] = []

    @Option(
        name: .customLong("disk-mb"),
        help: ArgumentHelp(
            "The disk space that instances may ask for, all together. Default: the size of the file system with the "
                + "engine's data.",
            valueName: "n"
        )
    )
    var disk: Int64?

    var traits: ExecutorSettings.Traits {
        ExecutorSettings.Traits(
            tags: tags,
            metadata: Dictionary(entries.map(Self.split), uniquingKeysWith: { first, _ in first }),
            zone: zone,
            quantities: disk.map { [Topology.disk: $0] } ?? [:]
        )
    }

    func validate() throws {
        guard (0...1 << 40).contains(disk ?? 0) else { throw ValidationError("--disk-mb must be 0 to 1099511627776") }
        // The hostname is one more.
        guard tags.count < NodeReport.mostTags else {
            throw ValidationError("--tag may be given at most \(NodeReport.mostTags - 1) times")
        }
        for tag in tags { try Self.check(tag, "--tag") }
        if let zone { try Self.check(zone, "--zone") }
        guard entries.count <= NodeReport.mostMetadata else {
            throw ValidationError("--metadata may be given at most \(NodeReport.mostMetadata) times")
        }
        var keys: Set<String> = []
        for entry in entries {
            let (key, value) = try Self.split(entry, "--metadata")
            guard keys.insert(key).inserted else { throw ValidationError("--metadata \(key) is given twice") }
            guard value.utf8.count <= NodeReport.longestMetadata, value.unicodeScalars.allSatisfy({ $0.value >= 32 })
            else {
                throw ValidationError(
                    "the value of --metadata \(key) must be at most \(NodeReport.longestMetadata) bytes on one line"
                )
            }
        }
    }

    private static func split(_ entry: String) -> (key: String, value: String) {
        let halves = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(halves[0]), halves.count > 1 ? String(halves[1]) : "")
    }

    /// The halves of `key=value`, the key checked.
    static func split(_ entry: String, _ option: String) throws -> (key: String, value: String) {
        guard entry.contains("=") else { throw ValidationError("\(option) must be KEY=VALUE, not \"\(entry)\"") }
        let halves = split(entry)
        try check(halves.key, "the key of \(option)")
        return halves
    }

    static func check(_ name: String, _ what: String) throws {
        guard (1...NodeReport.longestTag).contains(name.utf8.count), name.unicodeScalars.allSatisfy({ $0.value > 32 })
        else {
            throw ValidationError("\(what) must be 1 to \(NodeReport.longestTag) bytes without spaces, not \"\(name)\"")
        }
    }
}
