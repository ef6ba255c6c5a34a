import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one executor with what runs there."
    )

    @Argument(help: ArgumentHelp("An id, the beginning of one, or a hostname.", valueName: "executor"))
    var name: String

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            let executor = try await api.client.executorSummaries().named(name)
            let details = try await api.client.executor(executor.id)
            guard !api.json else { return Output.line(details.serialized) }
            Output.line("\(executor.id): \(executor.state)")
            Output.line("\(executor.hostname):\(executor.port), tags \(executor.tags.joined(separator: ", "))")
            Output.line(
                "\(executor.freeCores) cores and \(executor.freeMemoryMB) MB free, \(executor.usedCores) cores and "
                    + "\(executor.usedMemoryMB) MB in use"
            )
            for line in MachineText(details).lines { Output.line(line) }
            if !executor.remark.isEmpty { Output.line(executor.remark) }
            Self.showQuarantine(details)
            let rows =
                Self.rows(details, "instances", ["appId"]) + Self.rows(details, "serviceInstances", ["serviceId"])
                + Self.rows(details, "tasks", ["sourceAppName", "taskId"])
            guard !rows.isEmpty else { return }
            Output.line("")
            Output.table([["INSTANCE", "OF", "STATE"]] + rows)
        }
    }

    private static func showQuarantine(_ details: JSON) {
        guard case .array(let named)? = details["quarantine"]?["named"], !named.isEmpty else { return }
        Output.line("")
        Output.table(
            [["LEFT ALONE", "CONTAINER", "BECAUSE"]]
                + named.map { entry in
                    [
                        entry["name"]?.text ?? "", String((entry["container"]?.text ?? "").prefix(12)),
                        entry["reason"]?.text ?? "",
                    ]
                }
        )
    }

    private static func rows(_ details: JSON, _ list: String, _ names: [String]) -> [[String]] {
        guard case .array(let elements)? = details[list] else { return [] }
        return elements.map { element in
            [
                element["instanceId"]?.text ?? "", names.compactMap { element[$0]?.text }.joined(separator: "/"),
                element["state"]?.text ?? "",
            ]
        }
    }
}
