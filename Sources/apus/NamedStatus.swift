import ApusClient
import ApusModel

/// How one thing is that a user names: an application with all its versions, a local service, or a task.
struct NamedStatus {
    private struct Version {
        var summary: ApplicationSummary
        var instances: [InstanceSummary]
        /// As the gateway gets it; `nil` if it is not exposed, or suspended.
        var endpoint: JSON?

        /// It runs, or is to.
        var isThere: Bool { summary.expected > 0 || !instances.isEmpty || summary.operation != nil }
    }

    private struct Service {
        var summary: ServiceSummary
        var instances: [InstanceSummary]
    }

    private var versions: [Version] = []
    private var services: [Service] = []
    private var task: TaskSummary?

    /// - Throws: `CommandFailure` if nothing is called so, or `ClientError`.
    init(_ name: String, _ client: APIClient) async throws {
        if let id = TaskID(rawValue: name) {
            task = try await client.task(id)
            return
        }
        let known = try await KnownApps(client)
        for summary in known.all where summary.id.rawValue == name || summary.name == name {
            let endpoints = try await client.endpoints(of: summary.name)
            let version = Version(
                summary: summary,
                instances: try await client.instances(of: summary.id),
                endpoint: Self.elements(endpoints).first { $0["appId"] == summary.id.json }
            )
            versions.append(version)
        }
        for summary in try await client.services() where summary.id.rawValue == name || summary.name == name {
            services.append(Service(summary: summary, instances: try await client.instances(of: summary.id)))
        }
        guard versions.isEmpty, services.isEmpty else { return }
        throw known.notFound(name)
    }

    var isWell: Bool { troubles.isEmpty }

    private var troubles: [String] {
        versions.compactMap(\.summary.trouble) + services.compactMap(\.summary.trouble)
            + [task.flatMap { $0.error.isEmpty ? nil : $0.error }].compactMap(\.self)
    }

    /// In a fixed order of keys; what is not of that name is left out.
    var json: JSON {
        let applications = versions.map { version -> JSON in
            .members([
                "application": version.summary.json, "instances": .array(version.instances.map(\.json)),
                "endpoint": version.endpoint,
            ])
        }
        let localServices = services.map { service -> JSON in
            .members(["localService": service.summary.json, "instances": .array(service.instances.map(\.json))])
        }
        return .members([
            "applications": versions.isEmpty ? nil : .array(applications),
            "localServices": services.isEmpty ? nil : .array(localServices), "task": task?.json,
            "troubles": .array(troubles.map { .string($0) }), "well": .bool(isWell),
        ])
    }

    /// For people; what runs comes before what is suspended.
    var lines: [String] {
        var lines: [String] = []
        let (active, suspended) = (versions.filter { $0.isThere }, versions.filter { !$0.isThere })
        for version in active {
            let summary = version.summary
            lines.append(
                "\(summary.id): \(summary.state), expected \(summary.expected), running \(summary.running), "
                    + "healthy \(summary.healthy)"
            )
            lines += summary.facts.map { "  \($0)" }
            if let endpoint = version.endpoint { lines.append(Self.line(of: endpoint)) }
            lines += Self.rows(version.instances)
        }
        for version in suspended {
            let since = AppsShow.age(of: version.summary.updated)
            lines.append("\(version.summary.id): \(version.summary.state), suspended \(since) ago")
        }
        for service in services {
            lines.append("local service \(service.summary.id): \(service.summary.counts)")
            lines += service.summary.obstacles.map { "  \($0)" }
            lines += Self.rows(service.instances)
        }
        return lines + (task.map { [$0.progress] } ?? [])
    }

    private static func line(of endpoint: JSON) -> String {
        let hosts = elements(endpoint["hosts"]).map { host in
            "\(host["host"]?.text ?? ""):\(host["port"]?.serialized ?? "")"
        }
        let vhost = endpoint["vhost"]?.text ?? ""
        return hosts.isEmpty ? "  \(vhost) has no healthy instance" : "  \(vhost) -> \(hosts.joined(separator: " "))"
    }

    private static func rows(_ instances: [InstanceSummary]) -> [String] {
        guard !instances.isEmpty else { return [] }
        let rows = instances.map { instance in
            [
                instance.id.rawValue, instance.hostname, instance.state, AppsShow.age(of: instance.updated),
                instance.addresses, [instance.progress, instance.error].filter { !$0.isEmpty }.joined(separator: "; "),
            ]
        }
        return Output.rows([["INSTANCE", "EXECUTOR", "STATE", "SINCE", "ADDRESS", "NOTE"]] + rows).map { "  \($0)" }
    }

    private static func elements(_ json: JSON?) -> [JSON] {
        if case .array(let elements)? = json { elements } else { [] }
    }
}
