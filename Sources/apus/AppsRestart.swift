import ApusClient
import ApusModel
import ArgumentParser

struct AppsRestart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Replace the healthy instances of an application by new ones.",
        discussion: """
            Each new instance is healthy before an old one is told to stop; with --stop-first an old one goes before \
            its replacement starts. One at a time, unless --parallelism says more.
            """
    )

    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var id: String

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Only these instances. Default: all that are healthy.", valueName: "instance")
    )
    var ids: [String] = []

    @Flag(help: "Stop an instance before its replacement starts: no more room is needed than now.")
    var stopFirst = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = OperationRun(api, AppID(id))
        let replace: JSON = .members([
            "type": "REPLACE_INSTANCES", "appId": run.app.json, "instanceIds": ids.instanceIDs,
            "stopFirst": .bool(stopFirst), "opSpec": operation.json(instances: 1),
        ])
        let result = try await run.perform(replace, waiting: operation.wait)
        try AppsShow.printResult(of: run.app, result, json: api.json)
    }
}

extension [String] {
    /// Given as words, or with commas between them.
    var instanceIDs: JSON {
        .array(flatMap { $0.split(separator: ",") }.map { .string(String($0)) })
    }
}
