import ApusClient
import ApusModel
import ApusStore
import ArgumentParser
import UnixSignals

struct StoreExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all that the store holds into one file: a back-up.",
        discussion: """
            It asks the controller that leads, as a user with the role root, and gets what the store holds between two \
            changes; nothing stops for it. With --state it reads the store of a controller that does not run. \
            The file is there whole or not at all, and only its owner can read it: it holds the hashes of passwords and \
            the keys of instances' tokens. It is brought back with `apus store import`.
            """
    )

    @Argument(help: ArgumentHelp("Where to write it; - for standard output.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("Read this state directory, which no controller has.", valueName: "dir"))
    var state: String?

    @Flag(help: "Write over a file that is there.")
    var force = false

    @OptionGroup var controller: EndpointOptions

    func validate() throws {
        guard !force || file != "-" else { throw ValidationError("--force belongs to a file") }
        guard state == nil || (controller.endpoint == nil && controller.context == nil) else {
            throw ValidationError("--state reads a directory; leave --endpoint and --cluster out")
        }
    }

    func run() async throws {
        // It may ask for a password, and what waits for that is ended by any signal.
        let client = state == nil ? try await callingAPI { try controller.client } : nil
        let (records, header): (Int, ExportHeader)
        if file == "-" {
            (records, header) = try await export(client)
        } else {
            (records, header) = try await interruptible(
                "Interrupted: nothing unfinished is left of the export.",
                on: [.sigint, .sigterm]
            ) {
                try await export(client)
            }
        }
        let text = "\(records) records of cluster \(header.cluster), epoch \(header.epoch), are exported"
        guard file != "-" else { return Output.error(text) }
        Output.line("\(text) to \(file)")
        Output.line("It holds the hashes of passwords and the keys of instances' tokens: keep it as you keep those.")
    }

    /// - Returns: how many records were written, and of what.
    private func export(_ client: APIClient?) async throws -> (Int, ExportHeader) {
        let output = try ExportOutput(file, replacing: force)
        do {
            let (reading, header): (ExportReading, ExportHeader)
            if let client {
                (reading, header) = try await live(client, output)
            } else {
                (reading, header) = try await offline(state ?? "", output)
            }
            try output.keep()
            return (reading.records, header)
        } catch {
            output.discard()
            throw error
        }
    }

    private func live(_ client: APIClient, _ output: ExportOutput) async throws -> (ExportReading, ExportHeader) {
        try await callingAPI {
            try await write(try await client.exportStore().pieces, of: client.endpoint, to: output)
        }
    }

    private func offline(_ path: String, _ output: ExportOutput) async throws -> (ExportReading, ExportHeader) {
        try await ControllerState(path: path).reading { store, cluster in
            let stream = ExportStream(try await store.snapshot(), of: cluster, at: .now)
            return try await write(stream, of: path, to: output)
        }
    }

    /// Reads what it writes: what broke off is no back-up.
    private func write(
        _ pieces: some AsyncSequence<[UInt8], any Error>,
        of source: String,
        to output: ExportOutput
    ) async throws -> (ExportReading, ExportHeader) {
        var reading = ExportReading()
        do {
            for try await piece in pieces {
                try Task.checkCancellation()
                _ = try reading.take(piece)
                try await output.write(piece)
            }
            return (reading, try reading.end())
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.other, "The export of \(source) broke off, and nothing is left of it: \(error)")
        }
    }
}
