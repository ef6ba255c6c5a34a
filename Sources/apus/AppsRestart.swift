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

    @OptionGroup var app: AppArgument
    @OptionGroup var restart: RestartOptions

    func run() async throws { try await restart.perform(try await app.known(restart.api)) }
}

/// Which instances are replaced, and how.
struct RestartOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Only these instances. Default: all that are healthy.", valueName: "instance"),
        completion: LiveNames.instances
    )
    var ids: [String] = []

    @Flag(help: "Stop an instance before its replacement starts: no more room is needed than now.")
    var stopFirst = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws { _ = try ids.instanceIDs() }

    func perform(_ app: AppID) async throws {
        let run = try OperationRun(api, app)
        let replace: JSON = .members([
            "type": "REPLACE_INSTANCES", "appId": run.app.json,
            "instanceIds": .array(try ids.instanceIDs().map(\.json)), "stopFirst": .bool(stopFirst),
            "opSpec": operation.json(instances: 1),
        ])
        run.report(try await run.perform(replace, waiting: operation.wait))
    }
}
