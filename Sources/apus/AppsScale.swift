import ApusClient
import ApusModel
import ArgumentParser

struct AppsScale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Change how many instances of an application are kept running."
    )

    @OptionGroup var app: AppArgument

    @Argument(help: ArgumentHelp("0 to 2048", valueName: "instances"))
    var instances: Int

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (0...2048).contains(instances) else { throw ValidationError("<instances> must be 0 to 2048") }
    }

    func run() async throws {
        let run = OperationRun(api, app.id)
        let scale: JSON = .members([
            "type": "SCALE", "appId": run.app.json, "requiredInstances": .integer(Int64(instances)),
            "opSpec": operation.json(),
        ])
        run.report(try await run.perform(scale, waiting: operation.wait))
    }
}
