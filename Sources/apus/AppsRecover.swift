import ApusClient
import ApusModel
import ArgumentParser

struct AppsRecover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Try at once to bring an application back to its number of instances.",
        discussion: "Apus does so by itself; this ends the waiting time after failures."
    )

    @OptionGroup var app: AppArgument

    @Flag(inversion: .prefixedNo, help: "Show progress until the operation has ended.")
    var wait = true

    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = try OperationRun(api, app.id)
        run.report(try await run.perform(.members(["type": "RECOVER", "appId": run.app.json]), waiting: wait))
    }
}
