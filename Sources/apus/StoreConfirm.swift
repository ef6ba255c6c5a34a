import ApusClient
import ApusModel
import ArgumentParser

struct StoreConfirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Let a state hold that came out of an export: what it does not know is stopped then.",
        discussion: """
            A restored state is older than the cluster, so nothing is stopped on its word until this is confirmed. \
            Without --yes it only shows what would be stopped.
            """
    )

    @Flag(help: "Confirm it.")
    var yes = false

    @OptionGroup var api: APIOptions

    func run() async throws {
        let (cluster, unheard, data) = try await callingAPI {
            let cluster = try await api.client.cluster()
            let unheard = try await api.client.executorSummaries().filter { $0.presence == "JOINING" }.map(\.hostname)
            return (cluster, unheard, try await api.client.confirmRestoration(isDryRun: !yes))
        }
        guard !api.json else { return Output.line(data.serialized) }
        guard cluster["mode"]?.text == "RESTORED" else {
            return Output.line("the cluster is not restored from an export")
        }
        let stops = data["stops"]?.rows(["instanceId", "owner", "hostname"]) ?? []
        Output.list(["INSTANCE", "OF", "HOST"], stops, orElse: "nothing runs that the restored state does not know")
        if !unheard.isEmpty {
            Output.line(
                "\(unheard.count) executors are not heard yet, so what runs there is not known: "
                    + unheard.sorted().joined(separator: ", ")
            )
        }
        var isNothingStopped = stops.isEmpty
        if case .array(let surplus)? = data["surplus"] {
            for entry in surplus {
                isNothingStopped = false
                let count = if case .integer(let count)? = entry["instances"] { count } else { Int64(0) }
                Output.line(
                    "\(count) of \(entry["appId"]?.text ?? entry["serviceId"]?.text ?? "") more than are expected"
                )
            }
        }
        let outcome =
            switch (yes, isNothingStopped) {
            case (true, true): "the restored state holds"
            case (true, false): "the restored state holds: these are stopped now"
            case (false, true): "Nothing was changed. To let the state hold: apus store confirm --yes"
            case (false, false): "Nothing was changed. To stop these and let the state hold: apus store confirm --yes"
            }
        Output.line(outcome)
    }
}

extension JSON {
    /// The texts of these members of each element.
    func rows(_ keys: [String]) -> [[String]] {
        guard case .array(let elements) = self else { return [] }
        return elements.map { element in keys.map { element[$0]?.text ?? "" } }
    }
}
