import ApusEngine
import ApusModel
import HashTreeCollections

/// Clients ask for local services, in some runs.
extension World {
    static func serviceSpecs(drawing chance: inout Chance) -> [LocalServiceSpec] {
        (0..<Terrain.services).map { index in
            var service = spec(
                "service-\(index)",
                cores: 1,
                memoryMB: Int64(chance.number(in: 64...256)),
                policy: .local(hostLevel: index == 1),
                seconds: chance.number(in: 1...3),
                attempts: chance.number(in: 2...4),
                wait: chance.number(in: 0...3)
            )
            service.exposedPorts = [PortSpec(name: "main", port: 9000 + index)]
            return LocalServiceSpec(service, isRequired: chance.hits(700))
        }
    }

    mutating func serviceClientActs() {
        guard !isCalm else { return }
        request(drawServiceCommand())
        agenda.add(.serviceClientActs, after: chances.requests.milliseconds(1000...15_000))
    }

    private mutating func drawServiceCommand() -> Command? {
        guard let spec = chances.requests.pick(serviceSpecs) else { return nil }
        let count = spec.isHostLevel ? 1 : chances.requests.number(in: 1...Terrain.mostPerHost)
        if oracle.services.standings(of: spec.id) == [.absent], chances.requests.hits(800) {
            return .localService(.create(spec, instancesPerHost: count))
        }
        let operation: LocalServiceOperation =
            switch chances.requests.number(in: 0...15) {
            case 0, 1, 2, 3: .activate(spec.id)
            case 4: .deployTestInstance(spec.id)
            case 5: .deactivate(spec.id)
            case 6: .destroy(spec.id)
            case 7: .updateInstanceCount(spec.id, instancesPerHost: count)
            case 8, 9: .adjustInstances(spec.id, drawOpSpec())
            case 10, 11: .restart(spec.id, stopFirst: chances.requests.hits(600), drawOpSpec())
            case 12, 13:
                .replaceInstances(
                    spec.id,
                    ids: drawInstances(of: spec.id),
                    stopFirst: chances.requests.hits(600),
                    drawOpSpec()
                )
            case 14: .stopInstances(spec.id, ids: drawInstances(of: spec.id), drawOpSpec())
            default: .create(spec, instancesPerHost: count)
            }
        return .localService(operation)
    }

    private mutating func drawInstances(of service: ServiceID) -> [InstanceID] {
        let seen = controller.process?.turn.committed.instances(of: service).map(\.id) ?? []
        return seen.filter { _ in chances.requests.hits(300) }
    }

    /// Each has what is wanted of it on every machine; `nil` if so.
    func faultOfServices(_ state: ClusterState) -> String? {
        for spec in serviceSpecs {
            let standings = oracle.services.standings(of: spec.id)
            guard let service = state.localServices[spec.id] else {
                let mayBeGone = standings.contains { if case .there = $0 { false } else { true } }
                guard mayBeGone else { return "local service \(spec.id) is not there" }
                continue
            }
            if let operation = service.operation {
                return "\(operation.kind.rawValue) of local service \(spec.id) does not end"
            }
            let healthy = executors.filter { !$0.isGone }.map { host in
                state.instances(of: spec.id, on: host.identity.id).count(where: \.isHealthy)
            }
            let all = state.instances(of: spec.id).count
            let isRight =
                switch service.activation {
                case .active:
                    healthy.allSatisfy { $0 == service.instancesPerHost }
                        && all == healthy.count * service.instancesPerHost
                case .configTesting: healthy.reduce(0, +) == 1 && all == 1
                case .inactive: all == 0
                }
            guard isRight else {
                return
                    "local service \(spec.id), \(service.activation.rawValue), \(service.instancesPerHost) a host, has "
                    + "\(healthy) healthy ones, \(all) in all; \(service.shortfalls.values.map { "\($0)" })"
            }
        }
        return nil
    }
}

extension Oracle {
    /// No more of a local service on one executor than are wanted there, but for those that are being replaced.
    mutating func checkCount(of service: ServiceID, on executor: ExecutorID, _ state: ClusterState) {
        guard let wanted = state.localServices[service] else {
            return violated("\(service) starts on \(executor), and is not known")
        }
        let alive = state.instances(of: service, on: executor).count(where: \.isAlive)
        let operation = wanted.operation
        let more =
            operation?.kind == .replaceInstances && operation?.order == .startFirst ? operation?.parallelism ?? 0 : 0
        let most = (wanted.activation == .inactive ? 0 : wanted.instancesPerHost) + more
        guard alive > most else { return }
        let there = state.instances(of: service, on: executor).map { instance in
            "\(instance.id.short) \(instance.state.rawValue)\(instance.stop == nil ? "" : " to be stopped")"
        }
        violated(
            "\(alive) of local service \(service) are alive on \(executor), at most \(most) should be: \(there), "
                + "\(wanted.activation.rawValue), \(operation?.kind.rawValue ?? "no operation")"
        )
    }
}
