import ApusClient
import ApusModel
import ArgumentParser

struct AppsStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop instances of an application; others are started in their place.",
        discussion: "With --no-respawn so many fewer are expected from now on. To stop all: apus apps suspend."
    )

    @OptionGroup var app: AppArgument

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("The instances to stop.", valueName: "instance"),
        completion: LiveNames.instances
    )
    var ids: [String]

    @Flag(help: "Start no others in their place.")
    var noRespawn = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws { _ = try ids.instanceIDs() }

    func run() async throws {
        let (run, ids) = (try OperationRun(api, app.id), try self.ids.instanceIDs())
        let stop: JSON = .members([
            "type": "STOP_INSTANCES", "appId": run.app.json, "instanceIds": .array(ids.map(\.json)),
            "skipRespawn": .bool(noRespawn), "opSpec": operation.json(instances: ids.count),
        ])
        run.report(try await run.perform(stop, waiting: operation.wait))
    }
}
