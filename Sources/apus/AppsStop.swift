import ApusClient
import ApusModel
import ArgumentParser

struct AppsStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop instances of an application; others are started in their place.",
        discussion: "With --no-respawn so many fewer are expected from now on. To stop all: apus apps suspend."
    )

    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var id: String

    @Option(parsing: .upToNextOption, help: ArgumentHelp("The instances to stop.", valueName: "instance"))
    var ids: [String]

    @Flag(help: "Start no others in their place.")
    var noRespawn = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = OperationRun(api, AppID(id))
        let stop: JSON = .members([
            "type": "STOP_INSTANCES", "appId": run.app.json, "instanceIds": ids.instanceIDs,
            "skipRespawn": .bool(noRespawn), "opSpec": operation.json(instances: ids.count),
        ])
        let result = try await run.perform(stop, waiting: operation.wait)
        try AppsShow.printResult(of: run.app, result, json: api.json)
    }
}
