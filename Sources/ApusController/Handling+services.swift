import ApusEngine
import ApusModel
import HashTreeCollections

/// Local services, their instances, and what is asked of them (contract §1.2).
extension Handling {
    func operateService() async throws(APIRefusal) -> APIAnswer {
        let operation: LocalServiceOperation
        switch LocalServiceOperation.validated(try call.json()) {
        case .success(let valid): operation = valid
        case .failure(let refusal): throw .spec(refusal)
        }
        let answer: JSON = .members(["serviceId": operation.serviceID.json])
        return await change(.localService(operation), accepted: .success(answer))
    }

    func cancelService() async -> APIAnswer {
        await change(.cancelService(ServiceID(parameter(0))), accepted: .success(nil)) { texts in
            .failed(400, texts.joined(separator: "; "))
        }
    }

    func validateService() throws(APIRefusal) -> APIAnswer {
        try validate(Workload.localService)
        return .success(.members(["valid": true]))
    }

    func services() throws(APIRefusal) -> APIAnswer {
        let (from, size) = (try call.count("from", default: 0), try call.count("size", default: Int(Int32.max) - 1))
        let sorted = state.localServices.values.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        let page = sorted.dropFirst(from).prefix(size)
        return .success(.object(page.map { JSON.Member($0.id.rawValue, summary(of: $0)) }))
    }

    func service() throws(APIRefusal) -> APIAnswer { .success(summary(of: try known())) }

    func serviceSpec() throws(APIRefusal) -> APIAnswer { .success(try known().spec.masked) }

    private func known() throws(APIRefusal) -> LocalService {
        let id = ServiceID(parameter(0))
        guard let service = state.localServices[id] else { throw .notFound("Local service \(id) not found") }
        return service
    }

    /// Drove's LocalServiceSummary, and after its keys those of Apus.
    func summary(of service: LocalService) -> JSON {
        let instances = state.instances(of: service.id)
        let active = Int64(instances.count { InstanceState.active.contains($0.state) })
        let resources = service.spec.service.resources
        let obstacles = Set(service.backoffs.keys).union(service.shortfalls.keys).sorted().compactMap { executor in
            service.obstacle(on: executor).map { reason -> JSON in
                .members([
                    "executorId": executor.json,
                    "hostname": .string(state.members[executor]?.hostname ?? ""), "reason": .string(reason),
                ])
            }
        }
        return .members([
            "id": service.id.json, "name": .string(service.spec.service.name),
            "instancesPerHost": .integer(Int64(service.instancesPerHost)),
            "healthyInstances": .integer(Int64(instances.count(where: \.isHealthy))),
            "totalCPUs": .integer(Int64(resources.cores) * active),
            "totalMemory": .integer(resources.memoryMB * active), "tags": .strings(service.spec.service.tags),
            "activationState": .string(service.activation.rawValue), "state": .string(service.state.rawValue),
            "created": service.created.json, "updated": service.updated.json,
            "wantedInstances": .integer(Int64(state.wantedInstances(of: service))),
            "liveInstances": .integer(Int64(instances.count)), "required": .bool(service.spec.isRequired),
            "operation": service.operation?.summary(at: api.time().now),
            "lastOperation": service.lastOperation?.summary, "obstacles": obstacles.isEmpty ? nil : .array(obstacles),
        ])
    }

    // MARK: instances

    func serviceInstances() throws(APIRefusal) -> APIAnswer {
        let asked = try call.states()
        let wanted = asked.isEmpty ? InstanceState.active : asked
        return .success(.array(allServiceInstances.filter { wanted.contains($0.state) }.map(\.json)))
    }

    /// Those that ended last come first.
    func oldServiceInstances() -> APIAnswer {
        let old = allServiceInstances.filter { !InstanceState.active.contains($0.state) }
            .sorted { ($0.updated, $0.created, $0.id) > ($1.updated, $1.created, $1.id) }
        return .success(.array(old.map(\.json)))
    }

    func serviceInstance() throws(APIRefusal) -> APIAnswer {
        let id = InstanceID(parameter(1))
        if let instance = allServiceInstances.first(where: { $0.id == id }) { return .success(instance.json) }
        throw .notFound("No such local service instance \(parameter(0))/\(id)")
    }

    /// Of the service that the path names; none if it is unknown.
    private var allServiceInstances: [InstanceView] {
        let service = ServiceID(parameter(0))
        guard let name = state.localServices[service]?.spec.service.name else { return [] }
        return allInstances(state.instances(of: service), endedOf: .localService(service), name: name)
    }
}
