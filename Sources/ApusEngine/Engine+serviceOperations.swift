import ApusModel
import ApusPlacement
import HashTreeCollections

/// How operations on local services end.
extension Engine {
    /// Ends the operation if there is a reason to.
    ///
    /// - Returns: `true` if the service is gone with it.
    mutating func finish(_ id: ServiceID, at times: Times) -> Bool {
        guard let service = state.localServices[id], let operation = service.operation else { return false }
        let live = state.instances(of: id)
        if isDone(operation, service, live) {
            guard operation.kind != .destroy else {
                forget(id)
                return true
            }
            end(id, with: operation.ended(.succeeded, "", at: times.wall))
            return false
        }
        let failures = service.backoffs.values.map(\.failures).max() ?? 0
        switch operation.standing(of: service.spec.service, failures: failures, at: times.now) {
        case .failed(let reason):
            let text = "\(reason): \(standing(of: service, live))"
            effects.append(.note("\(operation.kind.rawValue) of local service \(id) failed: \(text)"))
            end(id, with: operation.ended(.failed, text, at: times.wall))
        case .goesOn(let due):
            let next = operation.noted + operation.timeBetweenNotes
            if next <= times.now {
                state.localServices[id]?.operation?.noted = times.now
                touched.insert(RecordKey(.localService, id.rawValue))
            }
            wake(
                .owner(.localService(id)),
                at: min(due, next <= times.now ? times.now + operation.timeBetweenNotes : next)
            )
        }
        return false
    }

    /// Nothing that it named is left, and all is as the service's activation wants it.
    private func isDone(_ operation: Operation, _ service: LocalService, _ live: [Instance]) -> Bool {
        guard operation.kind != .destroy else { return live.isEmpty }
        let targets = Set(operation.targets)
        // What an executor keeps while it is to be free of work is not waited for.
        let isLeft = { (instance: Instance) in targets.contains(instance.id) && !isLeaving(instance) }
        guard live.allSatisfy({ $0.isHealthy && !isLeft($0) }) else { return false }
        switch service.activation {
        case .inactive: return live.isEmpty
        case .configTesting: return live.count == 1
        case .active:
            return state.members.keys.allSatisfy { host in
                switch ledger.admission(of: host) {
                case .open, .closed(.unready): service.instances[host]?.count ?? 0 == service.instancesPerHost
                // What it has is not known yet.
                case .closed(.joining): false
                case .closed, nil: true
                }
            }
        }
    }

    private func standing(of service: LocalService, _ live: [Instance]) -> String {
        var text = "\(live.count(where: \.isHealthy)) of \(live.count) instances healthy"
        if let targets = service.operation.map({ Set($0.targets) }), !targets.isEmpty {
            text += ", \(live.count { targets.contains($0.id) }) of \(targets.count) still to be stopped"
        }
        let hosts = Set(service.backoffs.keys).union(service.shortfalls.keys).sorted()
        for host in hosts.prefix(3) {
            guard let obstacle = service.obstacle(on: host) else { continue }
            text += "; on \(state.members[host]?.hostname ?? host.rawValue) \(obstacle)"
        }
        return text
    }

    private mutating func end(_ id: ServiceID, with ended: EndedOperation) {
        state.localServices[id]?.operation = nil
        state.localServices[id]?.lastOperation = ended
        state.localServices[id]?.updated = ended.ended
        touch(id)
    }

    mutating func forget(_ id: ServiceID) {
        let owner = Owner.localService(id)
        for page in state.ended[owner]?.pages ?? [] { touched.insert(Self.endedKey(owner, page: page.number)) }
        state.ended[owner] = nil
        state.localServices[id] = nil
        touched.insert(RecordKey(.localService, id.rawValue))
        effects.append(.note("local service \(id) is destroyed"))
    }

    /// Ends an adjustment or a replacement where it stands; what is missing is still brought up, all at once.
    ///
    /// One of which nothing came up is deactivated with it (contract §4.4): it would start everywhere only to fail.
    mutating func cancel(_ id: ServiceID, at times: Times) -> CommandOutcome {
        guard let service = state.localServices[id], let operation = service.operation,
            operation.kind == .adjustInstances || operation.kind == .replaceInstances
        else { return .refused(["Current operation could not be cancelled"]) }
        let hasFailed = service.backoffs.values.contains { $0.failures > 0 }
        let isBroken = hasFailed && !state.instances(of: id).contains(where: \.isHealthy)
        let reason = isBroken ? "cancelled by a user, deactivated: nothing of it is healthy" : "cancelled by a user"
        end(id, with: operation.ended(.cancelled, reason, at: times.wall))
        activate(service, isBroken ? .inactive : service.activation, at: times)
        return .accepted(.localService(id))
    }
}
