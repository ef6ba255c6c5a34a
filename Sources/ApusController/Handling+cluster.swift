import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// The cluster and its executors (contract §1.4), endpoints (§1.5).
extension Handling {
    func cluster() -> APIAnswer { .success(clusterSummary) }

    var clusterSummary: JSON {
        let active = state.members.values.filter { MemberView($0, in: state).isActive }.map(\.usage)
        let (freeCores, usedCores) = (active.reduce(0) { $0 + $1.freeCores }, active.reduce(0) { $0 + $1.usedCores })
        let (free, used) = (active.reduce(0) { $0 + $1.freeMemoryMB }, active.reduce(0) { $0 + $1.usedMemoryMB })
        let (applications, services) = (state.applications.values, state.localServices.values)
        return .members([
            "leader": .string(api.leader), "state": .string(state.facts.mode.rawValue),
            "numExecutors": .integer(Int64(active.count)),
            "numApplications": .integer(Int64(applications.count)),
            "numActiveApplications": .integer(Int64(applications.count { $0.state.isActive })),
            "numActiveTasks": .integer(Int64(activeTasks.count)),
            "numLocalServices": .integer(Int64(services.count)),
            "numActiveLocalServices": .integer(Int64(services.count { $0.activation == .active })),
            "freeCores": .integer(Int64(freeCores)), "usedCores": .integer(Int64(usedCores)),
            "totalCores": .integer(Int64(freeCores + usedCores)), "freeMemory": .integer(free),
            "usedMemory": .integer(used), "totalMemory": .integer(free + used),
            "clusterId": state.cluster.json, "mode": mode, "heldStops": heldStops,
            "heldLosses": heldLosses,
        ])
    }

    /// Those that were given up come last.
    func executors() -> APIAnswer {
        let members = members
        let ordered = members.filter { !$0.member.isLost } + members.filter(\.member.isLost)
        return .success(.array(ordered.map(\.summary)))
    }

    func executor() throws(APIRefusal) -> APIAnswer {
        let id = ExecutorID(parameter(0))
        guard let member = state.members[id] else {
            throw .notFound("No executor found with id: \(id)")
        }
        let view = MemberView(member, in: state)
        let owned = view.instances.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        func views(_ name: (Owner) -> String?) -> [InstanceView] {
            owned.compactMap { instance in
                name(instance.owner).map {
                    InstanceView(instance, ownerName: $0, hostname: member.hostname)
                }
            }
        }
        let instances = views { owner in
            guard case .application(let app) = owner else { return nil }
            return state.applications[app]?.spec.name ?? app.rawValue
        }
        let serviceInstances = views { owner in
            guard case .localService(let service) = owner else { return nil }
            return state.localServices[service]?.spec.service.name ?? service.rawValue
        }
        let tasks = owned.compactMap { instance -> TaskView? in
            guard case .task(let id) = instance.owner else { return nil }
            return state.tasks[id].map { TaskView($0, in: state) }
        }
        return .success(view.details(instances: instances, serviceInstances: serviceInstances, tasks: tasks))
    }

    /// By name and port.
    private var members: [MemberView] {
        state.members.values.sorted { ($0.hostname, $0.port, $0.id) < ($1.hostname, $1.port, $1.id) }
            .map { MemberView($0, in: state) }
    }

    // MARK: endpoints

    /// The exposed applications, those of these names if any are given.
    func endpoints(named names: [String]) -> APIAnswer {
        let exposed = state.applications.values
            .filter { $0.state.isActive && (names.isEmpty || names.contains($0.spec.name)) }
            .map(\.id)
            .sorted()
        let hosts = api.endpoints.hosts(of: exposed, in: state, by: hosts)
        return .success(
            .array(exposed.compactMap { id in state.applications[id].flatMap { endpoint(of: $0, hosts[id]) } })
        )
    }

    /// ExposedAppInfo; an application without a healthy instance is there with no hosts.
    private func endpoint(of application: Application, _ hosts: JSON?) -> JSON? {
        let spec = application.spec
        guard let exposure = spec.exposureSpec else { return nil }
        return .members([
            "appName": .string(spec.name), "appId": application.id.json, "vhost": .string(exposure.vhost),
            "tags": .strings(spec.tags), "hosts": hosts ?? .array([]),
        ])
    }

    /// Where its healthy instances are reached, oldest first; one that is looked at again since its executor was started
    /// again is among them.
    private func hosts(of app: AppID) -> JSON {
        guard let exposure = state.applications[app]?.spec.exposureSpec else { return .array([]) }
        var hosts: [(created: WallTime, id: InstanceID, json: JSON)] = []
        for instance in state.unorderedInstances(of: app) where instance.isAliveAndWell {
            guard let port = instance.ports.first(where: { $0.name == exposure.portName }),
                let member = state.members[instance.executor]
            else { continue }
            let host: JSON = [
                "host": .string(member.hostname), "port": .integer(Int64(port.hostPort)),
                "portType": .string(port.type.rawValue),
            ]
            hosts.append((instance.created, instance.id, host))
        }
        hosts.sort { ($0.created, $0.id) < ($1.created, $1.id) }
        return .array(hosts.map(\.json))
    }
}

extension ApplicationState {
    /// Drove's ACTIVE_APP_STATES.
    fileprivate var isActive: Bool {
        switch self {
        case .running, .outageDetected, .scalingRequested, .stopInstancesRequested, .replaceInstancesRequested,
            .destroyRequested:
            true
        case .initial, .monitoring, .destroyed, .failed: false
        }
    }
}
