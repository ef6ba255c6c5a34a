import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsConfirmStops: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm-stops",
        abstract: "Stop the containers that no application claims and that are too many to stop unasked.",
        discussion: """
            Such stops are held when they cover more than three, or a quarter, of an executor's containers, or several \
            instances of one application: it may be the controller that has forgotten. Look first, with --dry-run.
            """
    )

    @Flag(help: "Only show them.")
    var dryRun = false

    @OptionGroup var api: APIOptions

    func run() async throws {
        let data = try await callingAPI { try await api.client.confirmStops(isDryRun: dryRun) }
        guard !api.json else { return Output.line(data.serialized) }
        let stops = data["stops"]?.rows(["instanceId", "owner", "hostname"]) ?? []
        Output.list(["INSTANCE", "OF", "HOST"], stops, orElse: "no stops are held")
        if !dryRun, !stops.isEmpty { Output.line("\(stops.count) are stopped now") }
    }
}
