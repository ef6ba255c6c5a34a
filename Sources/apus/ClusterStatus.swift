import ApusClient
import ApusModel

/// How the whole cluster is, in one screen.
struct ClusterStatus {
    /// Those that are well are listed up to here.
    private static let mostWell = 20

    private let cluster: JSON
    private let executors: [ExecutorSummary]
    private let applications: [ApplicationSummary]
    private let services: [ServiceSummary]
    private let tasks: [TaskSummary]

    init(_ client: APIClient) async throws {
        cluster = try await client.cluster()
        executors = try await client.executorSummaries()
        applications = try await client.applications()
        services = try await client.services()
        tasks = try await client.tasks()
    }

    var isWell: Bool { troubles.isEmpty }

    /// In a fixed order of keys; each list is as the API gave it.
    var json: JSON {
        .members([
            "cluster": cluster, "executors": .array(executors.map(\.json)),
            "applications": .array(applications.map(\.json)), "localServices": .array(services.map(\.json)),
            "tasks": .array(tasks.map(\.json)),
            "troubles": .array(troubles.map { .members(["of": .string($0.of), "text": .string($0.text)]) }),
            "well": .bool(isWell),
        ])
    }

    /// For people.
    var lines: [String] {
        var lines = ClusterShow.lines(cluster)
        lines += executors.filter { $0.state != "ACTIVE" || $0.trouble != nil }.map { executor in
            "  \(executor.hostname):\(executor.port) \(executor.state)"
                + (executor.remark.isEmpty ? "" : ": \(executor.remark)")
        }
        lines += Self.section(
            ["APPLICATION", "HEALTHY", "STATE", "REMARK"],
            applications.filter { $0.expected > 0 || $0.running > 0 || $0.operation != nil },
            isBusy: { $0.trouble != nil || $0.operation != nil },
            more: "apus apps list"
        ) { [$0.id.rawValue, "\($0.healthy)/\($0.expected)", $0.state, $0.trouble ?? $0.remark] }
        lines += Self.section(
            ["LOCAL SERVICE", "HEALTHY", "STATE", "REMARK"],
            services.filter { $0.activation != ActivationState.inactive.rawValue || $0.live > 0 },
            isBusy: { $0.trouble != nil || $0.operation != nil },
            more: "apus localservices list"
        ) { [$0.id.rawValue, "\($0.healthy)/\($0.wanted)", $0.state, $0.trouble ?? ""] }
        lines += Self.section(
            ["TASK", "HOST", "STATE", "REMARK"],
            tasks,
            isBusy: { !$0.error.isEmpty },
            more: "apus tasks list"
        ) { [$0.id.rawValue, $0.hostname.isEmpty ? "-" : $0.hostname, $0.state, $0.error] }
        return lines
    }

    /// What is wrong, each with whose it is.
    private var troubles: [(of: String, text: String)] {
        var found: [(of: String, text: String)] = []
        if cluster["mode"]?.text == "RESTORED" { found.append(("cluster", "restored from an export")) }
        if case .integer(let held)? = cluster["heldStops"], held > 0 {
            found.append(("cluster", "\(held) stops are held"))
        }
        if cluster["heldLosses"] != nil { found.append(("cluster", "many executors fell silent together")) }
        found += executors.compactMap { executor in
            executor.trouble.map { ("\(executor.hostname):\(executor.port)", $0) }
        }
        found += applications.compactMap { application in application.trouble.map { (application.id.rawValue, $0) } }
        found += services.compactMap { service in service.trouble.map { (service.id.rawValue, $0) } }
        found += tasks.filter { !$0.error.isEmpty }.map { ($0.id.rawValue, $0.error) }
        return found
    }

    /// Those with which something is come first, and all of them.
    private static func section<Subject>(
        _ header: [String],
        _ subjects: [Subject],
        isBusy: (Subject) -> Bool,
        more: String,
        _ row: (Subject) -> [String]
    ) -> [String] {
        guard !subjects.isEmpty else { return [] }
        let (busy, quiet) = (subjects.filter(isBusy), subjects.filter { !isBusy($0) })
        var lines = [""] + Output.rows([header] + (busy + quiet.prefix(mostWell)).map(row))
        if quiet.count > mostWell { lines.append("and \(quiet.count - mostWell) more that are well: \(more)") }
        return lines
    }
}
