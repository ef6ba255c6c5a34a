import ApusModel
import ApusPlacement
import HashTreeCollections

/// What the controller decided by itself on the way from one committed state to the next, with the cause of each.
///
/// As with events only what the turn touched is looked at, and what was not committed was never decided.
extension ClusterState {
    /// In the order of cause and effect: executors, what was to become of applications, their instances.
    package func decisions(since before: ClusterState, _ changes: Changes) -> [Decision] {
        var decisions = restoration(since: before, changes) + handOver(since: before, changes)
        decisions += changes.refused.map(Self.decision)
        let members = changes.records.filter { $0.kind == .member }.map { ExecutorID($0.id) }
        for id in changes.members.union(members).sorted() { decisions += self.decisions(on: id, since: before) }
        for id in changes.strays.sorted() { decisions += [decision(onStray: id, since: before)].compactMap(\.self) }
        let forgotten = Set(changes.forgotten.map(\.owner))
        for key in changes.records.sorted() {
            switch key.kind {
            case .application:
                let app = AppID(key.id)
                if applications[app] == nil, forgotten.contains(.application(app)) { continue }
                decisions += self.decisions(about: app, since: before, changes)
            case .localService:
                let service = ServiceID(key.id)
                if localServices[service] == nil, forgotten.contains(.localService(service)) { continue }
                decisions += [decision(about: service, since: before, changes)].compactMap(\.self)
            case .task:
                guard let task = TaskID(rawValue: key.id) else { continue }
                decisions += [decision(about: task, since: before)].compactMap(\.self)
            case .member, .cluster, .hint, .ended: continue
            }
        }
        decisions += self.decisions(onInstances: changes.instances, since: before)
        for owner in changes.unplaced.sorted() {
            decisions += [refusal(of: owner, since: before)].compactMap(\.self)
        }
        return decisions
            + changes.forgotten.map { Decision(.recordForgotten, AuditSubject($0.owner), $0.reason) }
    }

    private func restoration(since before: ClusterState, _ changes: Changes) -> [Decision] {
        guard changes.records.contains(ClusterFacts.key), let restoration = facts.restoration,
            !restoration.isConfirmed, restoration.epoch != before.facts.restoration?.epoch
        else { return [] }
        let cause =
            "an executor has obeyed another leader of epoch \(restoration.epoch - 1), this one's is \(epoch): the stored "
            + "state is old, and nothing unknown is stopped until that is confirmed"
        return [Decision(.stateRestored, AuditSubject(.cluster, cluster.rawValue), cause)]
    }

    private func handOver(since before: ClusterState, _ changes: Changes) -> [Decision] {
        guard changes.records.contains(ClusterFacts.key), let handOver = facts.handOver,
            handOver != before.facts.handOver
        else { return [] }
        var decision = Decision(.leadershipHandedOver, AuditSubject(.cluster, cluster.rawValue), handOver.cause)
        decision.detail = .members(["to": .string(handOver.to)])
        return [decision]
    }

    /// Neither state tells of it: it changes none.
    private static func decision(_ refused: Refused) -> Decision {
        var decision = Decision(.executorRefused, AuditSubject(refused.identity.id), refused.reason)
        decision.detail = .members([
            "kind": .string(refused.kind.rawValue), "hostname": .string(refused.identity.hostname),
            "port": .integer(Int64(refused.identity.port)), "source": refused.source.map { .string($0) },
        ])
        return decision
    }

    // MARK: strays

    private func decision(onStray id: InstanceID, since before: ClusterState) -> Decision? {
        guard let stray = strays[id] else { return nil }
        let old = before.strays[id]
        let host = members[stray.executor]?.hostname ?? stray.executor.rawValue
        var decision: Decision
        if stray.isHeld, old?.isHeld != true {
            let cause =
                "one of many on \(host) that belong to nothing known (\(stray.owner)): its stop waits for people"
            decision = Decision(.stopHeld, AuditSubject(id), cause)
        } else if stray.isTold, old?.isTold != true {
            let cause =
                if case .task(let task) = stray.owner, tasks[task] != nil {
                    "it came back on \(host) after its task had been given up"
                } else {
                    "it belongs to nothing known (\(stray.owner)) on \(host)"
                }
            decision = Decision(.strayStopped, AuditSubject(id), cause)
        } else {
            return nil
        }
        decision.related = [AuditSubject(stray.owner).id, stray.executor.rawValue]
        return decision
    }

    // MARK: no room

    /// Once of each that finds none, until it has.
    private func refusal(of owner: Owner, since before: ClusterState) -> Decision? {
        func refused(_ text: String) -> Decision { Decision(.placementRefused, AuditSubject(owner), text) }
        switch owner {
        case .application(let app):
            guard let refusal = applications[app]?.shortfall, before.applications[app]?.shortfall == nil else {
                return nil
            }
            return refused(refusal.text)
        case .task(let task):
            guard let refusal = tasks[task]?.shortfall, before.tasks[task]?.shortfall == nil else { return nil }
            return refused(refusal.text)
        case .localService(let service):
            let known = before.localServices[service]?.shortfalls ?? [:]
            let news = (localServices[service]?.shortfalls ?? [:]).filter { known[$0.key] == nil }
            guard !news.isEmpty else { return nil }
            let texts = news.sorted { $0.key < $1.key }.prefix(3).map { executor, reason in
                "\(members[executor]?.hostname ?? executor.rawValue): \(reason)"
            }
            let more = news.count > texts.count ? ", and \(news.count - texts.count) more" : ""
            var decision = refused("no room on \(texts.joined(separator: ", "))\(more)")
            decision.related = news.keys.sorted().prefix(Self.mostRelated).map(\.rawValue)
            return decision
        }
    }

    /// One record is found by no more ids.
    private static let mostRelated = 20
}
