import ApusController
import ApusModel
import ApusStore
import ArgumentParser

struct StoreImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Bring back what an export holds, into the state directory of a controller that does not run.",
        discussion: """
            All of the file is checked first. The directory is that cluster's from then on, so its executors go on \
            belonging to it. The cluster is RESTORED: what runs is older or newer than what was exported, so nothing is \
            stopped on its word until `apus store confirm --yes`.
            """
    )

    private static let mostFaults = 10

    @Argument(help: ArgumentHelp("What `apus store export` wrote.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The state directory; it is made if it is not there.", valueName: "dir"))
    var state: String?

    @Flag(help: "Put it in the place of the store that is there, whose file is kept beside it.")
    var replace = false

    @Flag(help: "Only check the file, and say what it holds.")
    var dryRun = false

    func validate() throws {
        guard state != nil || dryRun else { throw ValidationError("name the state directory with --state") }
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
        for line in export.lines { Output.line(line) }
        guard let state, !dryRun else { return Output.line("It can be imported. Nothing was changed.") }
        let restored: RestoredState
        do {
            restored = try RestoredState(export.header, export.records)
        } catch {
            throw CommandFailure(.other, "\(file) cannot be imported, and nothing was changed: \(error)")
        }
        let kept = try await ControllerState(path: state).replace(by: restored, ifEmpty: !replace)
        let old = kept.map { " The store that was there is kept as \($0)." } ?? ""
        Output.line("It is imported into \(state).\(old)")
        Output.line("Next: apus controller --state \(state). The cluster is RESTORED until: apus store confirm --yes")
    }
}
