package import ApusModel

/// Calls of whoever applies specifications.
extension APIClient {
    /// A local service's specification with its secrets masked.
    package func spec(of id: ServiceID) async throws -> JSON { try await get("localservices/\(part(id))/spec") }

    /// The exposed versions of an application of that name, with their virtual hosts.
    package func endpoints(of name: String) async throws -> JSON {
        try await get("endpoints/app/\(HTTPCall.encoded(name))")
    }

    /// Lets the controller check a specification; one with faults is `refused`, with every fault.
    package func validate(_ workload: Workload) async throws {
        let kind =
            switch workload {
            case .application: "applications"
            case .localService: "localservices"
            case .task: "tasks"
            }
        _ = try await post("\(kind)/validate/spec", workload.json)
    }

    /// Where so many instances would go; nothing is changed.
    package func simulatedPlacement(of workload: Workload, instances: Int) async throws -> JSON {
        let question: JSON = .members(["spec": workload.json, "numInstances": .integer(Int64(instances))])
        return try await post("cluster/placement/simulate?detail=true", question)
    }

    /// What the cluster has of all that is wanted.
    package func holdings(for wanted: [Workload]) async throws -> ClusterHoldings {
        var specs: [ApplicationSpec] = []
        var serviceIDs: Set<ServiceID> = []
        var taskIDs: [TaskID] = []
        for workload in wanted {
            switch workload {
            case .application(let spec): specs.append(spec)
            case .localService(let spec): serviceIDs.insert(spec.id)
            case .task(let spec): taskIDs.append(spec.id)
            }
        }
        return ClusterHoldings(
            versions: specs.isEmpty ? [] : try await versions(for: specs),
            services: serviceIDs.isEmpty ? [] : try await services(serviceIDs),
            tasks: try await states(of: taskIDs)
        )
    }

    private func versions(for wanted: [ApplicationSpec]) async throws -> [ClusterHoldings.Version] {
        let byName = Dictionary(wanted.map { ($0.name, $0) }) { first, _ in first }
        var versions: [ClusterHoldings.Version] = []
        for application in try await applications() {
            var version = ClusterHoldings.Version(
                id: application.id,
                name: application.name,
                expected: application.expected,
                healthy: application.healthy,
                share: application.share,
                operation: application.operation?.type,
                created: application.created
            )
            if let spec = byName[application.name], version.isActive || spec.revision(of: application.id) != nil {
                // One that is gone meanwhile is not there.
                guard let there = try await found({ try await self.spec(of: application.id) }) else { continue }
                version.spec = there
            }
            versions.append(version)
        }
        return versions
    }

    private func services(_ wanted: Set<ServiceID>) async throws -> [ClusterHoldings.Service] {
        var services: [ClusterHoldings.Service] = []
        for there in try await self.services() {
            services.append(
                ClusterHoldings.Service(
                    id: there.id,
                    name: there.name,
                    activation: there.activation,
                    spec: wanted.contains(there.id) ? try await found { try await self.spec(of: there.id) } : nil
                )
            )
        }
        return services
    }

    private func states(of wanted: [TaskID]) async throws -> [TaskID: String] {
        var states: [TaskID: String] = [:]
        for id in wanted { states[id] = try await found { try await task(id) }?.state }
        return states
    }

    /// `nil` if there is none.
    private func found<Value>(_ ask: () async throws -> Value) async throws -> Value? {
        do {
            return try await ask()
        } catch let error as ClientError where error.code == .notFound {
            return nil
        }
    }
}
