import ApusClient
import ApusModel
import ArgumentParser

struct AppsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show all applications, the oldest first."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else {
                Output.line(try await api.client.get("applications").serialized)
                return
            }
            let rows = try await api.client.applications().map { application in
                [
                    application.id.rawValue, "\(application.expected)", "\(application.running)",
                    "\(application.healthy)", application.state, application.remark,
                ]
            }
            Output.list(
                ["APPLICATION", "EXPECTED", "RUNNING", "HEALTHY", "STATE", "REMARK"],
                rows,
                orElse: "no applications; create one with: apus apply FILE"
            )
        }
    }
}

extension ApplicationSummary {
    /// What stands in the way, in a few words.
    var remark: String {
        if let shortfall { return "no room: \(shortfall)" }
        if let backoff, backoff.failures > 0 { return "failing: \(backoff.reason)" }
        if let operation { return "\(operation.type) under way" }
        switch lastOperation?.outcome {
        case "FAILED": return "last \(lastOperation?.type ?? "") failed"
        case "ROLLED_BACK": return "last \(lastOperation?.type ?? "") failed and was rolled back"
        default: return ""
        }
    }
}
