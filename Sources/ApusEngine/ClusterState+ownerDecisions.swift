import ApusModel
import HashTreeCollections

/// What was decided about an application, a local service or a task as a whole.
extension ClusterState {
    func decisions(about app: AppID, since before: ClusterState, _ changes: Changes) -> [Decision] {
        let (old, new) = (before.applications[app], applications[app])
        let subject = AuditSubject(.application(app))
        guard let new else { return old == nil ? [] : [destruction(of: subject, by: old?.operation, changes)] }
        let ended = end(new.lastOperation, since: old?.lastOperation, of: subject)
        return [ended, following(new, since: old)].compactMap(\.self)
    }

    func decision(about service: ServiceID, since before: ClusterState, _ changes: Changes) -> Decision? {
        let (old, new) = (before.localServices[service], localServices[service])
        let subject = AuditSubject(.localService(service))
        guard let new else { return old == nil ? nil : destruction(of: subject, by: old?.operation, changes) }
        return end(new.lastOperation, since: old?.lastOperation, of: subject)
    }

    /// One that was asked for and done in one turn stands in no state.
    private func destruction(of subject: AuditSubject, by known: Operation?, _ changes: Changes) -> Decision {
        let kind = Operation.Kind.destroy.rawValue
        let begun = changes.begun.values.first { $0.type == kind && $0.subject == subject }
        let step = begun ?? known.map { AuditOperation($0, of: subject) }
        let cause = "nothing of it is left"
        return Decision(.operationEnded, subject, cause, of: step ?? AuditOperation(kind, nil, of: subject))
    }

    private func end(_ new: EndedOperation?, since old: EndedOperation?, of subject: AuditSubject) -> Decision? {
        guard let new, new.id != old?.id else { return nil }
        let kind: Decision.Kind =
            switch new.outcome {
            case .succeeded, .cancelled, .superseded: .operationEnded
            case .failed: .operationFailed
            case .rolledBack: .operationRolledBack
            }
        let cause = new.reason.isEmpty ? "all is as it was asked for" : new.reason
        var decision = Decision(kind, subject, cause, of: AuditOperation(new, of: subject))
        decision.detail = .members(["outcome": .string(new.outcome.rawValue)])
        return decision
    }

    /// Machines came or went, and its count is a share of them.
    private func following(_ new: Application, since old: Application?) -> Decision? {
        guard let share = new.share, let old, old.share == share, old.expected != new.expected,
            old.operation?.id == new.operation?.id, old.lastOperation?.id == new.lastOperation?.id
        else { return nil }
        let cause = "\(share.text) of what the executors could hold is \(new.expected) now, \(old.expected) before"
        return Decision(.countFollowed, AuditSubject(.application(new.id)), cause)
    }

    /// How a task ended that no container's exit ended, nor a user.
    func decision(about task: TaskID, since before: ClusterState) -> Decision? {
        guard let end = tasks[task]?.end, before.tasks[task]?.end == nil else { return nil }
        let kind: Decision.Kind
        switch end.cause {
        case _ where end.result == .lost: kind = .taskLost
        case .unplaceable, .refused, .stopped(.requested): kind = .taskGivenUp
        default: return nil
        }
        let subject = AuditSubject(.task(task))
        var decision = Decision(kind, subject, end.error, of: AuditOperation("TASK_CREATE", nil, of: subject))
        if let place = end.place {
            decision.related = [place.instance.rawValue, place.executor.rawValue]
            decision.detail = .members([
                "instanceId": place.instance.json, "executorId": place.executor.json,
                "hostname": .string(place.hostname),
            ])
        }
        return decision
    }
}
