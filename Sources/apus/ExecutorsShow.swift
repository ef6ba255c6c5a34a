import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one executor with what runs there."
    )

    @Argument(
        help: ArgumentHelp("An id, the beginning of one, a hostname, or HOST:PORT.", valueName: "executor"),
        completion: LiveNames.executors
    )
    var name: String

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            let executor = try await api.client.executorSummaries().named(name)
            guard executor.presence != "LOST" else {
                throw CommandFailure(
                    .other,
                    "\(executor.place) is lost: what ran there was started elsewhere. Bring it back, or forget it with: "
                        + "apus executors retire \(executor.id)"
                )
            }
            let details = try await api.client.executor(executor.id)
            guard !api.json else { return Output.line(details.serialized) }
            for line in Self.lines(executor, details) { Output.line(line) }
            Self.showQuarantine(details)
            Self.showHistory(details)
            let rows =
                Self.rows(details, "instances", ["appId"]) + Self.rows(details, "serviceInstances", ["serviceId"])
                + Self.rows(details, "tasks", ["sourceAppName", "taskId"])
            guard !rows.isEmpty else { return }
            Output.line("")
            Output.table([["INSTANCE", "OF", "STATE"]] + rows)
        }
    }

    private static func lines(_ executor: ExecutorSummary, _ details: JSON) -> [String] {
        let presence = executor.presence.isEmpty ? "" : " (\(executor.presence.lowercased()))"
        var lines = [
            "\(executor.id): \(executor.state)\(presence)",
            "\(executor.place), tags \(executor.tags.joined(separator: ", "))",
        ]
        if case .integer(let updated)? = details["updated"] {
            lines.append("last heard \(AppsShow.age(of: WallTime(milliseconds: updated))) ago")
        }
        if let load = executor.load, let cpu = load.usedCPU, let memory = load.usedMemory {
            lines.append("the whole machine uses \(cpu) of its processors and \(memory) of its memory")
        }
        lines.append(
            "\(executor.freeCores) cores and \(executor.freeMemoryMB) MB free, \(executor.usedCores) cores and "
                + "\(executor.usedMemoryMB) MB in use"
        )
        lines += MachineText(details).lines
        if !executor.remark.isEmpty { lines.append(executor.remark) }
        return lines
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

    /// The newest first.
    private static func showHistory(_ details: JSON) {
        guard case .array(let entries)? = details["history"], !entries.isEmpty else { return }
        let rows = entries.reversed().map { entry in
            var (at, failing) = ("", "")
            if case .integer(let time)? = entry["at"] {
                at = "\(AppsShow.age(of: WallTime(milliseconds: time))) ago"
            }
            if case .array(let channels)? = entry["channels"] {
                failing = channels.compactMap { $0.text?.lowercased() }.joined(separator: ", ")
            }
            return [at, entry["state"]?.text ?? "", failing, entry["reason"]?.text ?? ""]
        }
        Output.line("")
        Output.table([["SINCE", "STATE", "FAILING", "REASON"]] + rows)
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
