import ApusClient
import ApusModel
import ArgumentParser

struct ClusterShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what the cluster has, and what waits in it for people."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        let cluster = try await callingAPI { try await api.client.cluster() }
        guard !api.json else { return Output.line(cluster.serialized) }
        for line in Self.lines(cluster) { Output.line(line) }
    }

    /// For people: what it has, and what waits for them.
    static func lines(_ cluster: JSON) -> [String] {
        func count(_ key: String) -> Int64 { if case .integer(let count)? = cluster[key] { count } else { 0 } }
        func text(_ key: String) -> String { cluster[key]?.text ?? "" }
        var lines = [
            "cluster \(text("clusterId")), led by \(text("leader")): \(text("state"))",
            "\(count("numExecutors")) executors take work: \(count("freeCores")) of \(count("totalCores")) cores and "
                + "\(count("freeMemory")) of \(count("totalMemory")) MB free",
            "\(count("numActiveApplications")) of \(count("numApplications")) applications active, "
                + "\(count("numActiveLocalServices")) of \(count("numLocalServices")) local services active, "
                + "\(count("numActiveTasks")) tasks active",
        ]
        if text("mode") == "RESTORED" {
            lines.append("RESTORED from an export: nothing is stopped on its word until: apus store confirm")
        }
        if count("heldStops") > 0 {
            lines.append("\(count("heldStops")) stops are held. Look with: apus executors confirm-stops --dry-run")
        }
        if case .array(let held)? = cluster["heldLosses"]?["executors"],
            case .integer(let until)? = cluster["heldLosses"]?["until"]
        {
            let left = WallTime(milliseconds: until).secondsLeft
            lines.append(
                "\(held.count) executors fell silent together, not given up for \(left) s more: "
                    + held.compactMap(\.text).joined(separator: ", ")
            )
        }
        return lines
    }
}
