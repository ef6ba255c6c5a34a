import ApusClient
import ApusModel
import ArgumentParser

struct AppsCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End the operation under way of an application.",
        discussion: """
            A scaling stays at the instances that are healthy by then, a restart at those that it has replaced. Other \
            operations cannot be cancelled.
            """
    )

    @OptionGroup var app: AppArgument

    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = try OperationRun(api, app.id)
        let result = try await callingAPI {
            // Of an unknown application this says so; the cancellation would not.
            _ = try await run.client.application(run.app)
            try await run.client.cancel(run.app)
            return try await run.application()
        }
        run.report(result)
    }
}
