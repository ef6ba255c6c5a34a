import ApusClient
import ApusModel
import ArgumentParser

struct AppsStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Keep so many more instances of an application running."
    )

    @OptionGroup var app: AppArgument

    @Argument(help: ArgumentHelp("How many more than now, 1 to 1024.", valueName: "instances"))
    var instances: Int

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...1024).contains(instances) else { throw ValidationError("<instances> must be 1 to 1024") }
    }

    func run() async throws {
        let run = try OperationRun(api, app.id)
        let start: JSON = .members([
            "type": "START_INSTANCES", "appId": run.app.json, "instances": .integer(Int64(instances)),
            "opSpec": operation.json(instances: instances),
        ])
        run.report(try await run.perform(start, waiting: operation.wait))
    }
}
