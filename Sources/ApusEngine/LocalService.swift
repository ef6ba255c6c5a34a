package import ApusModel
package import ApusPlacement
package import HashTreeCollections

/// One local service: what is wanted of it on every executor, and what the engine knows about getting there.
package struct LocalService: Sendable {
    package var spec: LocalServiceSpec
    package var instancesPerHost: Int
    package var activation = ActivationState.inactive
    package var created: WallTime
    package var updated: WallTime
    /// The epoch of the leader that was last asked to change it; 0 if nobody wrote that down.
    package var ordered: Epoch = 0
    /// The operation under way.
    package var operation: Operation?
    /// How the last operation ended.
    package var lastOperation: EndedOperation?
    /// The ids of its live instances by executor, oldest first.
    package var instances: TreeDictionary<ExecutorID, [InstanceID]> = [:]
    /// What fails soon after its start is held back on that executor; soft.
    package var backoffs: [ExecutorID: Backoff] = [:]
    /// Why the last placement found no room there; soft.
    package var shortfalls: [ExecutorID: RefusalReason] = [:]

    /// Places kept free for what may not start yet, by the names under which the ledger holds them; soft.
    var reserved: [ExecutorID: [InstanceID]] = [:]

    package var id: ServiceID { spec.id }

    package init(spec: LocalServiceSpec, instancesPerHost: Int, created: WallTime, updated: WallTime) {
        self.spec = spec
        self.instancesPerHost = instancesPerHost
        self.created = created
        self.updated = updated
    }

    /// The state on the wire (contract §4.4).
    package var state: LocalServiceState {
        switch operation?.kind {
        case .adjustInstances: .adjustingInstances
        case .replaceInstances: .replacingInstances
        case .stopInstances: .stoppingInstances
        case .destroy: .destroyRequested
        case .create, .startInstances, .scale, .suspend, .recover, .rollout, nil:
            switch activation {
            case .active: .active
            case .configTesting: .configTesting
            case .inactive: .inactive
            }
        }
    }

    /// An executor waits for it before it takes other work.
    package var isAwaited: Bool { activation == .active && spec.isRequired }

    /// The machine would have room for its instances if nothing else were there.
    func fits(_ topology: Topology) -> Bool {
        let resources = spec.service.resources
        let most = topology.nodes.reduce(0) { sum, node in
            let byCores = resources.cores > 0 ? topology.slots(of: node).count / resources.cores : instancesPerHost
            let byMemory = resources.memoryMB > 0 ? node.memoryMB / resources.memoryMB : Int64(instancesPerHost)
            return sum + min(byCores, Int(clamping: byMemory), instancesPerHost)
        }
        return most >= instancesPerHost
            && resources.quantities.allSatisfy { name, amount in
                amount * Int64(instancesPerHost) <= topology.quantities[name] ?? 0
            }
    }

    /// Why it is not as it should be on an executor; `nil` if nothing is known against it.
    package func obstacle(on executor: ExecutorID) -> String? {
        if let backoff = backoffs[executor], backoff.failures > 0 {
            let times = backoff.failures == 1 ? "once" : "\(backoff.failures) times"
            return "failed \(times), last: \(backoff.reason)"
        }
        return shortfalls[executor].map { "no room: \($0)" }
    }
}

extension Topology {
    /// In sum it has what all of them ask for.
    fileprivate func holds(_ services: [LocalService]) -> Bool {
        var (cores, memoryMB) = (0, Int64(0))
        var asked: [String: Int64] = [:]
        for service in services {
            let resources = service.spec.service.resources
            cores += resources.cores * service.instancesPerHost
            memoryMB &+= resources.memoryMB &* Int64(service.instancesPerHost)
            for (name, amount) in resources.quantities {
                asked[name, default: 0] &+= amount &* Int64(service.instancesPerHost)
            }
        }
        return cores <= nodes.reduce(0) { $0 + slots(of: $1).count }
            && memoryMB <= nodes.reduce(0) { $0 &+ $1.memoryMB }
            && asked.allSatisfy { $0.value <= quantities[$0.key] ?? 0 }
    }
}

extension ClusterState {
    /// The live instances of a local service, oldest first.
    package func instances(of service: ServiceID) -> [Instance] {
        let ids = localServices[service]?.instances.values.flatMap(\.self) ?? []
        return ids.compactMap { instances[$0] }.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }

    /// Those on one executor.
    package func instances(of service: ServiceID, on executor: ExecutorID) -> [Instance] {
        localServices[service]?.instances[executor]?.compactMap { instances[$0] } ?? []
    }

    /// The required local services for which that executor takes no other work, by id: all that are not healthy there
    /// until they once were, and later those that lack room which the machine could have.
    package func servicesAwaited(on member: Member) -> [LocalService] {
        guard !member.isLost else { return [] }
        let topology = member.description.topology
        let required = localServices.values.filter { $0.isAwaited && $0.fits(topology) }
        let fitTogether = topology.holds(required)
        let awaited = required.filter { service in
            guard fitTogether || service.shortfalls[member.id] == nil else { return false }
            let there = instances(of: service.id, on: member.id)
            guard member.isReady else { return there.count(where: \.isHealthy) < service.instancesPerHost }
            return service.shortfalls[member.id] != nil && there.count < service.instancesPerHost
        }
        return awaited.sorted { $0.id < $1.id }
    }

    /// How each of them stands there, for people.
    package func standingOfServicesAwaited(on member: Member) -> [String] {
        servicesAwaited(on: member).map { service in
            let healthy = instances(of: service.id, on: member.id).count(where: \.isHealthy)
            let text = "local service \(service.id): \(healthy) of \(service.instancesPerHost) healthy"
            return service.obstacle(on: member.id).map { "\(text), \($0)" } ?? text
        }
    }

    /// How many instances are wanted over all executors: what stays on one that takes no more counts too.
    package func wantedInstances(of service: LocalService) -> Int {
        switch service.activation {
        case .inactive: return 0
        case .configTesting: return 1
        case .active:
            return members.values.reduce(0) { sum, member in
                let most = service.instancesPerHost
                if member.admission.takesLocalServices { return sum + most }
                return sum + min(most, service.instances[member.id]?.count ?? 0)
            }
        }
    }
}

extension LocalService {
    /// The stored form.
    package func record(at now: Moment) -> JSON {
        .members([
            "schema": 1, "instancesPerHost": .integer(Int64(instancesPerHost)),
            "activation": .string(activation.rawValue), "created": created.json, "updated": updated.json,
            "ordered": ordered > 0 ? .integer(ordered) : nil,
            "operation": operation?.record(at: now), "lastOperation": lastOperation?.record, "spec": spec.json,
        ])
    }

    /// Reads the stored form; an operation under way goes on from `resumed`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record json: JSON, resumed: Moment) throws(JSONError) {
        self.init(
            spec: try LocalServiceSpec(json: try json.required("spec")),
            instancesPerHost: try json.int("instancesPerHost"),
            created: WallTime(milliseconds: try json.integer("created")),
            updated: WallTime(milliseconds: try json.integer("updated"))
        )
        let name = try json.string("activation")
        guard let known = ActivationState(rawValue: name) else { throw JSONError("activation \(name) is not known") }
        activation = known
        if json["ordered"] != nil { ordered = try json.integer("ordered") }
        if let under = json["operation"] { operation = try Operation(record: under, resumed: resumed) }
        if let ended = json["lastOperation"] { lastOperation = try EndedOperation(record: ended) }
    }
}
