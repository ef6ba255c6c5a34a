import ApusClient
import ApusModel
import ArgumentParser

struct AppsDestroy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy",
        abstract: "Remove an application whose instances are stopped.",
        discussion: "An application that is running must be suspended first; --suspend does both."
    )

    @OptionGroup var app: AppArgument

    @Flag(help: "Suspend it first if it is running.")
    var suspend = false

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = try OperationRun(api, app.id)
        let left = try await run.interruptibleAsOne { try await end(run) }
        if left == nil, !api.json { Output.line("\(run.app) is destroyed") }
        run.report(left)
    }

    private func end(_ run: OperationRun) async throws -> ApplicationSummary? {
        let now = try await callingAPI { try await run.client.application(run.app) }
        // Its end has to be waited for in any case: only then may it be destroyed.
        if suspend, let underWay = now.operation, underWay.type == "SUSPEND" {
            _ = try await run.join(underWay)
        } else if suspend, now.state != "MONITORING" {
            _ = try await run.perform(AppsSuspend.request(run.app, operation), waiting: true)
        }
        let destroy: JSON = .members([
            "type": "DESTROY", "appId": run.app.json, "opSpec": operation.json(),
        ])
        do {
            return try await run.perform(destroy, waiting: operation.wait)
        } catch let failure as CommandFailure
            where failure.code == .conflict && !suspend && now.state != "MONITORING"
        {
            throw CommandFailure(.conflict, "\(failure.message)\nSuspend it first, or use --suspend")
        }
    }
}
