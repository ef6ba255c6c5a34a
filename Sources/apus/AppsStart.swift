import ApusClient
import ApusModel
import ArgumentParser

struct AppsStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Keep so many more instances of an application running."
    )

    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var id: String

    @Argument(help: ArgumentHelp("How many more than now, 1 to 1024.", valueName: "instances"))
    var instances: Int

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...1024).contains(instances) else { throw ValidationError("<instances> must be 1 to 1024") }
    }

    func run() async throws {
        let run = OperationRun(api, AppID(id))
        let start: JSON = .members([
            "type": "START_INSTANCES", "appId": run.app.json, "instances": .integer(Int64(instances)),
            "opSpec": operation.json(instances: instances),
        ])
        let result = try await run.perform(start, waiting: operation.wait)
        try AppsShow.printResult(of: run.app, result, json: api.json)
    }
}
