import ApusClient
import ApusModel
import ArgumentParser

struct AppsDestroy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy",
        abstract: "Remove an application whose instances are stopped.",
        discussion: "An application that is running must be suspended first; --suspend does both."
    )

    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var id: String

    @Flag(help: "Suspend it first if it is running.")
    var suspend = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = OperationRun(api, AppID(id))
        let now = try await callingAPI { try await run.client.application(run.app) }
        if suspend, now.state != "MONITORING" {
            // Its end has to be waited for in any case: only then may it be destroyed.
            _ = try await run.perform(AppsSuspend.request(run.app, operation), waiting: true)
        }
        let destroy: JSON = .members([
            "type": "DESTROY", "appId": run.app.json, "opSpec": operation.json(instances: 1),
        ])
        let left = try await run.perform(destroy, waiting: operation.wait)
        if left == nil, !api.json { Output.line("\(id) is destroyed") }
        try AppsShow.printResult(of: run.app, left, json: api.json)
    }
}
