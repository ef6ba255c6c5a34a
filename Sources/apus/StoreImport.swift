import ApusController
import ApusModel
import ApusStore
import ArgumentParser

struct StoreImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Bring back what an export holds, for controllers that do not run.",
        discussion: """
            Into the state directory of a controller, or into ZooKeeper for several. All of the file is checked first. \
            The place is that cluster's from then on, so its executors go on belonging to it. The cluster is RESTORED: what \
            runs is older or newer than what was exported, so nothing is stopped on its word until \
            `apus store confirm --yes`.
            """
    )

    private static let mostFaults = 10

    @Argument(help: ArgumentHelp("What `apus store export` wrote.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The state directory; it is made if it is not there.", valueName: "dir"))
    var state: String?

    @Option(
        help: ArgumentHelp(
            "Where several controllers keep their state in ZooKeeper, none of which may run: host:port,host:port/path.",
            valueName: "servers"
        )
    )
    var zookeeper: String?

    @Option(
        help: ArgumentHelp("The same as that of the controllers. Needed beyond loopback.", valueName: "file"),
        completion: .file()
    )
    var zookeeperCredentialFile: String?

    @Flag(
        help: """
            Put it in the place of the store that is there, whose file is kept beside it; of that in ZooKeeper nothing is \
            kept.
            """
    )
    var replace = false

    @Flag(help: "Only check the file, and say what it holds.")
    var dryRun = false

    @Flag(help: "Print what it holds and what was done as JSON.")
    var json = false

    func validate() throws {
        guard state != nil || zookeeper != nil || dryRun else {
            throw ValidationError("name the state directory with --state, or the servers with --zookeeper")
        }
        guard state == nil || zookeeper == nil else {
            throw ValidationError("--state and --zookeeper exclude each other")
        }
        guard zookeeperCredentialFile == nil || zookeeper != nil else {
            throw ValidationError("--zookeeper-credential-file needs --zookeeper")
        }
        if let zookeeper { try ZooKeeperOptions.check(zookeeper) }
    }

    func run() async throws {
        let export = try ExportFile(file)
        let faults = ImportCheck.faults(in: export.records, of: export.header, atMost: Self.mostFaults)
        guard faults.isEmpty else {
            throw CommandFailure(
                .other,
                "\(file) cannot be imported, and nothing was changed:\n  " + faults.joined(separator: "\n  ")
            )
        }
        let restored: RestoredState
        do {
            restored = try RestoredState(export.header, export.records)
        } catch {
            throw CommandFailure(.other, "\(file) cannot be imported, and nothing was changed: \(error)")
        }
        if !json { for line in export.lines { Output.line(line) } }
        let done: Outcome
        if dryRun {
            done = .checked
        } else if let zookeeper {
            let settings = try ZooKeeperSession.Settings(servers: zookeeper, credentialFile: zookeeperCredentialFile)
            let gone = try await ZooKeeperState(settings: settings).replace(by: restored, ifEmpty: !replace)
            done = .intoZooKeeper(settings.address, gone: gone)
        } else {
            let directory = state ?? ""
            let kept = try await ControllerState(path: directory).replace(by: restored, ifEmpty: !replace)
            done = .into(directory, keptAs: kept)
        }
        Output.line(json ? done.json(of: export).serialized : done.text)
    }

    /// What became of it.
    private enum Outcome {
        case checked
        case into(_ directory: String, keptAs: String?)
        /// So many records were there before.
        case intoZooKeeper(ZooKeeperAddress, gone: Int)

        var text: String {
            let until = "The cluster is RESTORED until `apus store confirm --yes`."
            switch self {
            case .checked: return "It can be imported. Nothing was changed, and no place for it was looked at."
            case .into(let directory, let kept):
                let old = kept.map { " The store that was there is kept as \($0)." } ?? ""
                return """
                    It is imported into \(directory).\(old)
                    Start the controller of that directory now:
                        apus controller --state \(directory)
                    \(until)
                    """
            case .intoZooKeeper(let address, let gone):
                let old = gone == 0 ? "" : " The state that was there, of \(gone) records, is gone."
                return """
                    It is imported into \(address).\(old)
                    Start the controllers that have this place and its credential:
                        apus controller --zookeeper \(address)
                    \(until)
                    """
            }
        }

        func json(of export: ExportFile) -> JSON {
            var (into, kept, gone): (String?, String?, Int?)
            switch self {
            case .checked: break
            case .into(let directory, let file): (into, kept) = (directory, file)
            case .intoZooKeeper(let address, let records): (into, gone) = ("\(address)", records)
            }
            return .members([
                "cluster": export.header.cluster.json, "epoch": .integer(export.header.epoch),
                "exported": export.header.time.json, "version": .string(export.header.version),
                "records": .integer(Int64(export.records.count)), "imported": .bool(into != nil),
                "into": into.map { .string($0) }, "keptAs": kept.map { .string($0) },
                "replacedRecords": gone.map { .integer(Int64($0)) },
            ])
        }
    }
}
