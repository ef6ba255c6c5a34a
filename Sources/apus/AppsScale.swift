import ApusClient
import ApusModel
import ArgumentParser

struct AppsScale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Change how many instances of an application are kept running."
    )

    @OptionGroup var app: AppArgument
    @OptionGroup var scale: ScaleOptions

    func run() async throws { try await scale.perform(try await app.known(scale.api)) }
}

/// To how many instances, and how.
struct ScaleOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "0 to 2048, or a share such as 7%: of as many as the cores of the cluster can hold, as machines come and go.",
            valueName: "instances"
        )
    )
    var instances: InstanceCount

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        try instances.validate("<instances>")
    }

    func perform(_ app: AppID) async throws {
        let run = try OperationRun(api, app)
        let scale: JSON = .members([
            "type": "SCALE", "appId": run.app.json, "requiredInstances": instances.json,
            "opSpec": operation.json(),
        ])
        run.report(try await run.perform(scale, waiting: operation.wait))
    }
}
