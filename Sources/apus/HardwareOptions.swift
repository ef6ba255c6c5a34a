import ApusExecutor
import ApusModel
import ArgumentParser

/// What of the machine an executor hands out, and what the machine tells of itself.
struct HardwareOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Cores kept back for the system, such as 0,4 or 0-1. Default: none.", valueName: "list"))
    var osCores: String?

    @Option(help: ArgumentHelp("How much of each NUMA node's memory is handed out, 50 to 100.", valueName: "percent"))
    var exposedMemory = 100

    @Option(help: ArgumentHelp("Hand out each megabyte so many times, 1 to 20.", valueName: "n"))
    var memoryMultiplier = 1

    @Flag(help: "Offer all NUMA nodes as one; memory is left to the kernel.")
    var noNumaPinning = false

    @Option(
        name: .customLong("quantity"),
        help: ArgumentHelp(
            "What this machine has of something beside cores and memory; disk is in MB. May be repeated. Default: disk, "
                + "the size of the file system with the engine's data.",
            valueName: "name=n"
        )
    )
    var quantities: [String] = []

    @Option(
        name: .customLong("metadata-env"),
        help: ArgumentHelp("Publish this variable of the executor's environment. May be repeated.", valueName: "name")
    )
    var variables: [String] = []

    @Option(
        name: .customLong("metadata-command"),
        help: ArgumentHelp(
            "Publish what this program prints, with words for arguments and no shell. May be repeated. What --metadata "
                + "says of the key holds until it has printed something.",
            valueName: "key=command"
        )
    )
    var programs: [String] = []

    @Option(
        name: .customLong("metadata-shell"),
        help: ArgumentHelp("The same, run by /bin/sh -c. May be repeated.", valueName: "key=command")
    )
    var scripts: [String] = []

    @Option(help: ArgumentHelp("How often these commands run again; 0 is once, at the start.", valueName: "time"))
    var metadataInterval = "60s"

    @Option(help: ArgumentHelp("The longest value of metadata, in bytes, at most 1024.", valueName: "n"))
    var metadataLimit = NodeReport.longestMetadata

    @Option(
        name: .customLong("metadata-refuse"),
        help: ArgumentHelp("Never publish metadata of this key. May be repeated.", valueName: "key")
    )
    var refused: [String] = []

    @Option(help: ArgumentHelp("Take the zone from this variable of the executor's environment.", valueName: "name"))
    var zoneEnv: String?

    @Option(help: ArgumentHelp("Take the zone from what this program prints, without a shell.", valueName: "command"))
    var zoneCommand: String?

    @Option(help: ArgumentHelp("The same, run by /bin/sh -c.", valueName: "command"))
    var zoneShell: String?

    @Option(
        help: ArgumentHelp(
            "A file that declares another machine in place of this one, for tests; containers are bound to no cores.",
            valueName: "file"
        )
    )
    var topology: String?

    func validate() throws {
        _ = try hardware()
        _ = try offered()
    }

    /// - Throws: `ValidationError` naming the option that is wrong.
    func hardware() throws -> ExecutorSettings.Hardware {
        guard (50...100).contains(exposedMemory) else { throw ValidationError("--exposed-memory must be 50 to 100") }
        guard (1...20).contains(memoryMultiplier) else {
            throw ValidationError("--memory-multiplier must be 1 to 20")
        }
        return ExecutorSettings.Hardware(
            source: topology.map { .declared(path: $0) } ?? .kernel,
            reservedCores: try reservedCores(),
            exposedMemoryPercent: exposedMemory,
            memoryMultiplier: memoryMultiplier,
            numa: noNumaPinning ? .merged : .bound,
            facts: try facts()
        )
    }

    /// With the quantities that are configured here.
    func traits(_ traits: ExecutorSettings.Traits) throws -> ExecutorSettings.Traits {
        var traits = traits
        for (name, amount) in try offered() {
            guard traits.quantities.updateValue(amount, forKey: name) == nil else {
                throw ValidationError("--disk-mb and --quantity disk=… say the same: leave one out")
            }
        }
        return traits
    }

    private func reservedCores() throws -> Set<Int> {
        guard let osCores else { return [] }
        do {
            return Set(try CoreList.numbers(osCores))
        } catch {
            throw ValidationError("--os-cores has \(error)")
        }
    }

    private func offered() throws -> [String: Int64] {
        var offered: [String: Int64] = [:]
        for entry in quantities {
            let (name, text) = try TraitOptions.split(entry, "--quantity")
            guard let amount = Int64(text), (0...1 << 40).contains(amount) else {
                throw ValidationError("--quantity \(name) must be 0 to 1099511627776, not \"\(text)\"")
            }
            guard offered.updateValue(amount, forKey: name) == nil else {
                throw ValidationError("--quantity \(name) is given twice")
            }
        }
        return offered
    }

    private func facts() throws -> ExecutorSettings.Facts {
        guard (1...NodeReport.longestMetadata).contains(metadataLimit) else {
            throw ValidationError("--metadata-limit must be 1 to \(NodeReport.longestMetadata)")
        }
        var facts = ExecutorSettings.Facts(
            interval: try interval(),
            longestValue: metadataLimit,
            refusedKeys: Set(refused)
        )
        func add(_ subject: ExecutorSettings.Facts.Subject, _ source: ExecutorSettings.Facts.Source) throws {
            guard facts.sources.updateValue(source, forKey: subject) == nil else {
                throw ValidationError("two options tell the \(subject): leave one out")
            }
        }
        for name in variables {
            try TraitOptions.check(name, "--metadata-env")
            try add(.metadata(name), .variable(name))
        }
        for entry in programs {
            let (key, command) = try TraitOptions.split(entry, "--metadata-command")
            try add(.metadata(key), try Self.program(command, "--metadata-command"))
        }
        for entry in scripts {
            let (key, command) = try TraitOptions.split(entry, "--metadata-shell")
            try add(.metadata(key), Self.script(command))
        }
        if let zoneEnv { try add(.zone, .variable(zoneEnv)) }
        if let zoneCommand { try add(.zone, try Self.program(zoneCommand, "--zone-command")) }
        if let zoneShell { try add(.zone, Self.script(zoneShell)) }
        guard facts.sources.count <= NodeReport.mostMetadata else {
            throw ValidationError("at most \(NodeReport.mostMetadata) values may be told by commands and variables")
        }
        return facts
    }

    private func interval() throws -> Duration? {
        guard metadataInterval != "0" else { return nil }
        let interval: Duration
        do {
            interval = try DurationText(parsing: metadataInterval).duration
        } catch {
            throw ValidationError("--metadata-interval: \(error.message)")
        }
        guard interval >= .seconds(1) else { throw ValidationError("--metadata-interval must be at least 1s, or 0") }
        return interval
    }

    private static func program(_ command: String, _ option: String) throws -> ExecutorSettings.Facts.Source {
        let words = command.split(separator: " ").map(String.init)
        guard !words.isEmpty else { throw ValidationError("\(option) names no program") }
        return .program(words)
    }

    private static func script(_ command: String) -> ExecutorSettings.Facts.Source {
        .program(["/bin/sh", "-c", command])
    }
}
