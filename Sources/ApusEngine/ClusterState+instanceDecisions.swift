import ApusModel
import HashTreeCollections

/// Which instances were started, adopted and stopped, and why.
extension ClusterState {
    /// What moved of one owner in a turn.
    struct InstanceMoves {
        let owner: Owner
        var started: [Instance] = []
        var adopted: [Instance] = []
        var stopped: [(instance: Instance, reason: StopReason)] = []
        /// Those that no longer count though nobody wanted that, and why not.
        var fallen: [(instance: Instance, why: String)] = []
        /// Those whose executor an earlier leader had given up without them.
        var leftBehind: [Instance] = []
    }

    func decisions(onInstances moved: [InstanceID: Owner], since before: ClusterState) -> [Decision] {
        let owners = Dictionary(grouping: moved.keys) { moved[$0] }
        var decisions: [Decision] = []
        for owner in owners.keys.compactMap(\.self).sorted() {
            let moves = moves(of: owner, (owners[owner] ?? []).sorted(), since: before)
            decisions += stops(moves, since: before)
            decisions += moves.leftBehind.map { givingUp($0, since: before) }
            decisions += moves.adopted.map { adoption(of: $0) }
            if !moves.fallen.isEmpty { decisions += backOffs(of: moves, since: before) }
            decisions += starts(moves, since: before)
        }
        return decisions
    }

    private func moves(of owner: Owner, _ ids: [InstanceID], since before: ClusterState) -> InstanceMoves {
        var moves = InstanceMoves(owner: owner)
        for id in ids {
            let (old, new) = (before.instances[id], instances[id])
            if old == nil, let new {
                // What an executor was never told to start is found, not started.
                if case .assigned = new.progress { moves.started.append(new) } else { moves.adopted.append(new) }
            }
            if let new, let stop = new.stop, old?.stop == nil { moves.stopped.append((new, stop.reason)) }
            if let old, new == nil, !old.isTask, before.members[old.executor]?.isLost ?? true {
                moves.leftBehind.append(old)
            }
            guard let old, old.isAlive, new.map({ !$0.isAlive }) ?? true else { continue }
            switch new?.stop?.reason {
            case nil: moves.fallen.append((old, fall(of: old)))
            case .lost: moves.fallen.append((old, "its executor \(hostname(of: old)) does not take commands"))
            case .suspended: moves.fallen.append((old, "it has to leave \(hostname(of: old)) at once"))
            default: break
            }
        }
        return moves
    }

    /// Why one is no longer there, or no longer well.
    private func fall(of old: Instance) -> String {
        if let live = instances[old.id] { return "it failed: \(text(live.error, live.cause))" }
        guard let entry = ended[old.owner]?.entry(old.id) else {
            return members[old.executor]?.isLost ?? true ? "its executor is lost" : "it ended"
        }
        return entry.state == .lost ? entry.error : "it failed: \(text(entry.error, entry.cause))"
    }

    private func text(_ error: String, _ cause: EndCause?) -> String {
        error.isEmpty ? cause?.words ?? "it ended" : error
    }

    func hostname(of instance: Instance) -> String {
        members[instance.executor]?.hostname ?? instance.executor.rawValue
    }

    func decision(
        _ kind: Decision.Kind,
        _ instance: Instance,
        _ cause: String,
        of operation: AuditOperation? = nil
    ) -> Decision {
        Decision(kind, instance, on: members[instance.executor]?.hostname, cause, of: operation)
    }

    private func adoption(of instance: Instance) -> Decision {
        let wasLost = ended[instance.owner]?.entry(instance.id)?.state == .lost
        let cause = wasLost ? "it came back after it had been given up" : "it runs, and no record of it was there"
        return decision(.instanceAdopted, instance, cause)
    }

    /// Its leader ended between two batches, so that nobody has told of its executor's loss either.
    private func givingUp(_ instance: Instance, since before: ClusterState) -> Decision {
        let cause =
            if let host = before.members[instance.executor]?.hostname {
                "its executor \(host) was given up by an earlier leader, which had ended before this was written"
            } else {
                "its executor \(instance.executor) is no member"
            }
        return decision(.instanceGivenUp, instance, cause)
    }

    /// What is tried again later: once for all that failed together.
    private func backOffs(of moves: InstanceMoves, since before: ClusterState) -> [Decision] {
        let subject = AuditSubject(moves.owner)
        func decision(_ new: Backoff?, since old: Backoff?, on host: String = "") -> [Decision] {
            guard let new, new.failures > old?.failures ?? 0, let pause = new.pause else { return [] }
            let cause =
                "failed \(new.failures) times in a row\(host), last: \(new.reason): "
                + "the next try is in \(pause.components.seconds) s"
            return [Decision(.backOff, subject, cause)]
        }
        switch moves.owner {
        case .application(let app):
            return decision(applications[app]?.backoff, since: before.applications[app]?.backoff)
        case .localService(let service):
            let (old, new) = (before.localServices[service]?.backoffs, localServices[service]?.backoffs)
            return Set(moves.fallen.map(\.instance.executor)).sorted().flatMap { executor in
                let name = members[executor]?.hostname ?? executor.rawValue
                return decision(new?[executor], since: old?[executor], on: " on \(name)")
            }
        case .task: return []
        }
    }

    // MARK: starts

    private func starts(_ moves: InstanceMoves, since before: ClusterState) -> [Decision] {
        guard !moves.started.isEmpty else { return [] }
        switch moves.owner {
        case .task(let task): return moves.started.map { placement(of: task, $0) }
        case .application(let app):
            guard let application = applications[app] else { return [] }
            let operation = operation(on: application).map { operation in
                AuditOperation(operation, of: AuditSubject(.application(operation.rollout?.to ?? app)))
            }
            let usual = growth(of: application, moves, since: before)
            return moves.started.enumerated().map { index, instance in
                guard index < moves.fallen.count else {
                    return decision(usual.kind, instance, usual.cause, of: operation ?? usual.operation)
                }
                return replacement(instance, of: moves.fallen[index], in: operation)
            }
        case .localService(let service):
            guard let service = localServices[service] else { return [] }
            let operation = service.operation.map { AuditOperation($0, of: AuditSubject(moves.owner)) }
            var fallen = moves.fallen
            return moves.started.map { instance in
                if let index = fallen.firstIndex(where: { $0.instance.executor == instance.executor }) {
                    return replacement(instance, of: fallen.remove(at: index), in: operation)
                }
                return start(of: instance, of: service, in: operation)
            }
        }
    }

    private func placement(of task: TaskID, _ instance: Instance) -> Decision {
        let subject = AuditSubject(.task(task))
        let refusals = tasks[task]?.refusals ?? 0
        let again = "placed anew: \(refusals) executors had no room for it after all"
        var decision = decision(
            .taskPlaced,
            instance,
            refusals > 0 ? again : "on \(hostname(of: instance))",
            of: AuditOperation("TASK_CREATE", nil, of: subject)
        )
        decision.subject = subject
        decision.related = [instance.id.rawValue, instance.executor.rawValue]
        decision.detail = .members([
            "instanceId": instance.id.json, "executorId": instance.executor.json,
            "hostname": .string(hostname(of: instance)),
        ])
        return decision
    }

    private func replacement(
        _ instance: Instance,
        of fallen: (instance: Instance, why: String),
        in operation: AuditOperation?
    ) -> Decision {
        let cause = "in place of \(fallen.instance.id): \(fallen.why)"
        var decision = decision(.instanceReplaced, instance, cause, of: operation)
        decision.related += [fallen.instance.id.rawValue]
        return decision
    }

    /// Why an application has more than it had, where nothing fell in this turn.
    private func growth(
        of application: Application,
        _ moves: InstanceMoves,
        since before: ClusterState
    ) -> (kind: Decision.Kind, cause: String, operation: AuditOperation?) {
        guard operation(on: application) == nil else { return (.instanceStarted, "", nil) }
        let (alive, expected) = (aliveInstances(of: application.id), application.expected)
        if alive > expected,
            let leaving = instances(of: application.id).first(where: { instance in
                instance.isAlive && members[instance.executor]?.duty.isLeaving == true
            }), let member = members[leaving.executor]
        {
            let cause =
                "in place of \(leaving.id), which is to leave \(member.hostname): that is \(member.duty.rawValue)"
            return (.instanceReplaced, cause, AuditOperation(member.duty, of: member.id))
        }
        let there = "\(max(0, alive - moves.started.count)) of \(expected) expected instances were there"
        if application.backoff.failures > 0 {
            let cause = "\(there); tried again after \(application.backoff.failures) failures in a row, the last: "
            return (.instanceReplaced, cause + application.backoff.reason, nil)
        }
        if let old = before.applications[application.id], application.share != nil, expected > old.expected {
            return (.instanceStarted, "\(there): its count follows its share of the cluster", nil)
        }
        if before.applications[application.id]?.shortfall != nil {
            return (.instanceStarted, "\(there); room has appeared", nil)
        }
        let last = (ended[.application(application.id)]?.pages.last?.entries ?? []).last { !$0.wasStopped }
        guard let last else { return (.instanceStarted, there, nil) }
        return (
            .instanceReplaced, "\(there); the last to end unasked was \(last.id): \(text(last.error, last.cause))", nil
        )
    }

    private func start(of instance: Instance, of service: LocalService, in operation: AuditOperation?) -> Decision {
        guard operation == nil else { return decision(.instanceStarted, instance, "", of: operation) }
        let alive = instances(of: service.id, on: instance.executor).count(where: \.isAlive)
        let wanted = service.activation == .configTesting ? 1 : service.instancesPerHost
        let host = hostname(of: instance)
        var cause =
            "the local service is \(service.activation.rawValue): \(wanted) wanted on \(host), \(alive - 1) there"
        if let backoff = service.backoffs[instance.executor], backoff.failures > 0 {
            cause += "; tried again after \(backoff.failures) failures in a row, the last: \(backoff.reason)"
        }
        return decision(.instanceStarted, instance, cause)
    }
}

extension EndedInstance {
    /// The controller wanted it.
    fileprivate var wasStopped: Bool { if case .stopped = cause { true } else { false } }
}
