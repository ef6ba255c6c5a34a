import ApusModel
import HashTreeCollections

/// Which instances were stopped, and why.
extension ClusterState {
    func stops(_ moves: InstanceMoves, since before: ClusterState) -> [Decision] {
        moves.stopped.map { instance, reason in
            guard reason == .surplus else { return stop(of: instance, for: reason, since: before) }
            return decision(.instanceSurplusStopped, instance, surplus(around: instance, moves))
        }
    }

    private func stop(of instance: Instance, for reason: StopReason, since before: ClusterState) -> Decision {
        let host = hostname(of: instance)
        let duty = members[instance.executor]?.duty ?? .active
        switch reason {
        case .replaced where !isNamed(instance, since: before):
            let cause = "\(host) is \(duty.rawValue), and enough are healthy elsewhere"
            return decision(.instanceMoved, instance, cause, of: AuditOperation(duty, of: instance.executor))
        case .suspended:
            let cause = "\(host) is \(duty.rawValue)"
            return decision(.instanceStopped, instance, cause, of: AuditOperation(duty, of: instance.executor))
        case .lost:
            let why = members[instance.executor]?.unreachable ?? "does not take commands"
            return decision(.instanceGivenUp, instance, "its executor \(host) \(why)")
        case .scaledDown, .surplus, .replaced, .destroyed, .requested, .rolledBack, .killed, .unknown:
            let operation = operation(behind: instance, reason, since: before)
            return decision(.instanceStopped, instance, step(of: instance, reason), of: operation)
        }
    }

    /// What its operation alone does not say.
    private func step(of instance: Instance, _ reason: StopReason) -> String {
        switch reason {
        case .rolledBack: "its operation failed and is rolled back"
        case .requested where instance.isTask: "its executor did not take it in time"
        default: ""
        }
    }

    private func isNamed(_ instance: Instance, since before: ClusterState) -> Bool {
        let operations: [Operation?] =
            switch instance.owner {
            case .application(let app): [applications[app]?.operation, before.applications[app]?.operation]
            case .localService(let service):
                [localServices[service]?.operation, before.localServices[service]?.operation]
            case .task: []
            }
        return operations.contains { $0?.targets.contains(instance.id) == true }
    }

    /// What somebody asked for that ends it.
    private func operation(
        behind instance: Instance,
        _ reason: StopReason,
        since before: ClusterState
    ) -> AuditOperation? {
        let subject = AuditSubject(instance.owner)
        switch instance.owner {
        case .application(let app):
            let underWay =
                applications[app].flatMap { operation(on: $0) }
                ?? before.applications[app].flatMap { before.operation(on: $0) }
            if let underWay, reason != .rolledBack || underWay.rollout != nil {
                return AuditOperation(
                    underWay,
                    of: underWay.rollout.map { AuditSubject(.application($0.to)) } ?? subject
                )
            }
            return applications[app]?.lastOperation.map { AuditOperation($0, of: subject) }
        case .localService(let service):
            if let operation = localServices[service]?.operation { return AuditOperation(operation, of: subject) }
            return AuditOperation("DEACTIVATE", nil, of: subject)
        case .task: return AuditOperation(reason == .killed ? "TASK_KILL" : "TASK_CREATE", nil, of: subject)
        }
    }

    private func surplus(around instance: Instance, _ moves: InstanceMoves) -> String {
        switch instance.owner {
        case .application(let app):
            let there = aliveInstances(of: app) + moves.stopped.count
            return "\(there) were there, \(applications[app]?.expected ?? 0) are expected"
        case .localService(let service):
            let stopped = moves.stopped.count { $0.instance.executor == instance.executor }
            let there = instances(of: service, on: instance.executor).count(where: \.isAlive) + stopped
            let wanted = localServices[service]?.instancesPerHost ?? 0
            return "\(there) were on \(hostname(of: instance)), \(wanted) are wanted"
        case .task: return "it is one too many"
        }
    }
}
