import ApusClient
import ApusModel
import ArgumentParser

struct AppsSuspend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Stop all instances of an application and keep its specification."
    )

    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var id: String

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = OperationRun(api, AppID(id))
        let result = try await run.perform(Self.request(run.app, operation), waiting: operation.wait)
        try AppsShow.printResult(of: run.app, result, json: api.json)
    }

    static func request(_ app: AppID, _ operation: OperationOptions) -> JSON {
        .members(["type": "SUSPEND", "appId": app.json, "opSpec": operation.json(instances: 1)])
    }
}
