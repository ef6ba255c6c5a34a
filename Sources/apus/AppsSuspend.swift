import ApusClient
import ApusModel
import ArgumentParser

struct AppsSuspend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Stop all instances of an application and keep its specification."
    )

    @OptionGroup var app: AppArgument

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = try OperationRun(api, app.id)
        run.report(try await run.perform(Self.request(run.app, operation), waiting: operation.wait))
    }

    static func request(_ app: AppID, _ operation: OperationOptions) -> JSON {
        .members(["type": "SUSPEND", "appId": app.json, "opSpec": operation.json()])
    }
}
