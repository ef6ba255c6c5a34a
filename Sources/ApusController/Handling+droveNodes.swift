import ApusEngine
import ApusModel
import HashTreeCollections

/// What Drove's own executors ask of their controller (contract §1.9).
extension Handling {
    /// KnownInstancesData: what an executor is to keep, and what it is to stop, by the kind of its owner.
    ///
    /// A living one is asked about what it runs. Of one that was given up nothing is kept: it stands elsewhere by now.
    func knownInstances(livingOnly: Bool) throws(APIRefusal) -> APIAnswer {
        let id = ExecutorID(parameter(0))
        guard let member = state.members[id], !(livingOnly && member.isLost) else {
            throw .notFound("No data found for executor \(id)")
        }
        var (applications, services, tasks) = (Known(), Known(), Known())
        for instance in member.instances.compactMap({ state.instances[$0] }) {
            switch instance.owner {
            case .application(let app):
                applications.add(instance.id, isWanted: state.applications[app].map { $0.expected > 0 } ?? false)
            case .task(let task): tasks.add(instance.id, isWanted: state.tasks[task] != nil)
            case .localService(let id):
                let wanted = state.localServices[id].map { $0.activation == .inactive ? 0 : $0.instancesPerHost } ?? 0
                let before = state.instances(of: id, on: member.id).prefix { $0.id != instance.id }.count
                services.add(instance.id, isWanted: before < wanted)
            }
        }
        for (owner, instance) in member.isLost ? givenUp(with: member.id) : [] {
            switch owner {
            case .application: applications.add(instance, isWanted: false)
            case .task: tasks.add(instance, isWanted: false)
            case .localService: services.add(instance, isWanted: false)
            }
        }
        return .success(
            .members([
                "appInstanceIds": .array(applications.wanted), "staleAppInstanceIds": .array(applications.stale),
                "taskInstanceIds": .array(tasks.wanted), "staleTaskInstanceIds": .array(tasks.stale),
                "localServiceInstanceIds": .array(services.wanted),
                "staleLocalServiceInstanceIds": .array(services.stale),
            ])
        )
    }

    /// What was lost with an executor, as far as it is remembered.
    private func givenUp(with executor: ExecutorID) -> [(Owner, InstanceID)] {
        let instances = state.ended.values.flatMap(\.entries).filter { $0.executor == executor && $0.state == .lost }
        let tasks = state.tasks.values.compactMap { run -> (Owner, InstanceID)? in
            guard let end = run.end, end.state == .lost, let place = end.place, place.executor == executor else {
                return nil
            }
            return (.task(run.id), place.instance)
        }
        return instances.map { ($0.owner, $0.id) } + tasks
    }

    private struct Known {
        var wanted: [JSON] = []
        var stale: [JSON] = []

        mutating func add(_ instance: InstanceID, isWanted: Bool) {
            if isWanted { wanted.append(instance.json) } else { stale.append(instance.json) }
        }
    }

    /// What every executor keeps free for the local services that are to run.
    func reservedResources() -> APIAnswer {
        let services = state.localServices.values.filter { $0.activation != .inactive }.sorted { $0.id < $1.id }
        let (cpus, memory) = services.reduce((Int64(0), Int64(0))) { sum, service in
            let (resources, count) = (service.spec.service.resources, Int64(service.instancesPerHost))
            return (sum.0 + Int64(resources.cores) * count, sum.1 &+ resources.memoryMB &* count)
        }
        let required = services.map { JSON.Member($0.id.rawValue, .integer(Int64($0.instancesPerHost))) }
        return .success(
            .members([
                "cpus": .integer(cpus), "memory": .integer(memory), "requiredInstances": .object(required),
            ])
        )
    }

    /// Its reports are no substitute for those of Apus, which say in which order and under which leader.
    func takeDroveMessage() throws(APIRefusal) -> APIAnswer {
        throw .refused(
            "Executors of Drove cannot join a cluster of Apus: its own report to POST /apis/v1/internal/nodes/report. "
                + "Run `apus executor` on that machine"
        )
    }
}
