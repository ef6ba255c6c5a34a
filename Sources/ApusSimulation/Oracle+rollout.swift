import ApusEngine
import ApusModel
import HashTreeCollections

/// What must hold of rollouts, computed from what both applications say.
struct SimulatedHandover {
    let operation: Operation
    let gaining: Application
    let losing: Application
    /// So many of what loses stay.
    let rest: Int
    /// How many there were of both before.
    let before: Int

    var total: Int { gaining.expected + rest }

    /// `nil` if the application takes part in none.
    init?(with application: Application, _ state: ClusterState) {
        let owner = application.rolledOutTo.flatMap { state.applications[$0] } ?? application
        guard let operation = owner.operation, let rollout = operation.rollout,
            let old = state.applications[rollout.from]
        else { return nil }
        self.operation = operation
        before = operation.before + rollout.there
        (gaining, losing) = rollout.failure == nil ? (owner, old) : (old, owner)
        rest = rollout.failure == nil ? 0 : operation.before
    }

    /// How many of what loses are needed still.
    func needed(in state: ClusterState) -> Int {
        let serving = state.instances(of: gaining.id).count { instance in
            guard let member = state.members[instance.executor] else { return false }
            return instance.isHealthy && member.presence == .present && member.duty != .suspendedAtOnce
        }
        return rest + max(0, gaining.expected - serving)
    }
}

extension Oracle {
    /// A START leaves: there are no more of both than in the end and `parallelism`, but for what moves elsewhere.
    mutating func checkSurge(with id: InstanceID, of app: AppID, _ state: ClusterState) {
        guard let application = state.applications[app],
            let handover = SimulatedHandover(with: application, state), handover.gaining.id == app
        else { return }
        let alive = Set(state.instances(of: app).filter(\.isAlive).map(\.id)).union([id]).count
        let others = state.instances(of: handover.losing.id).count(where: \.isAlive)
        let moving = [handover.gaining, handover.losing].count { Self.moves($0, state) }
        let most = handover.total + handover.operation.parallelism + moving
        guard alive + others > most else { return }
        violated("one more of \(app) starts although \(alive - 1) and \(others) of \(handover.losing.id) are alive")
    }

    /// A STOP leaves: one that serves goes only if enough of both are left that do.
    mutating func checkHandover(
        _ id: InstanceID,
        _ reason: StopReason,
        _ instance: Instance,
        _ application: Application,
        _ state: ClusterState
    ) {
        guard reason == .scaledDown || reason == .rolledBack, instance.state == .healthy,
            state.members[instance.executor]?.presence == .present,
            let handover = SimulatedHandover(with: application, state), handover.losing.id == application.id
        else { return }
        let others = [handover.gaining, handover.losing].flatMap { state.instances(of: $0.id) }
        let healthy = others.count { $0.isHealthy && $0.id != id }
        guard healthy < handover.total else { return }
        let (from, to) = (handover.losing.id, handover.gaining.id)
        violated(
            "\(from) and \(to) falls below \(handover.total) healthy: \(id) is stopped while \(healthy) others are"
        )
    }

    /// A record was stored, `before` is what it was: what is moved from has nothing of its own under way, and if that
    /// ends a rollout, both expect what the outcome says.
    mutating func checkRollout(_ key: RecordKey, before: JSON?, _ store: SimulatedStore) {
        if key.kind == .application, let from = store.json(key)?["operation"]?["rollout"]?["from"]?.text,
            let own = store.json(RecordKey(.application, from))?["operation"]?["kind"]?.text
        {
            violated("\(from) is moved to \(key.id), and its \(own) goes on")
        }
        guard key.kind == .application, let operation = before?["operation"], let rollout = operation["rollout"],
            let record = store.json(key), record["operation"] == nil, let ended = record["lastOperation"],
            ended["id"] == operation["id"],
            let from = rollout["from"]?.text.flatMap({ store.json(RecordKey(.application, $0)) })
        else { return }
        // After a cancellation another one may have begun and ended in the same turn.
        if from["lastOperation"]?["ended"]?.integer ?? 0 < ended["ended"]?.integer ?? 0 {
            violated("\(key.id) has ended a rollout that goes on elsewhere")
        }
        let outcome = ended["outcome"]?.text
        let isRight =
            switch outcome {
            case "SUCCEEDED":
                from["expected"] == 0 && from["share"] == nil && record["share"] == before?["share"]
                    && (record["share"] != nil || record["expected"] == before?["expected"])
            case "ROLLED_BACK":
                from["expected"] == rollout["before"] && from["share"] == rollout["shareBefore"]
                    && record["expected"] == operation["before"] && record["share"] == operation["shareBefore"]
            default: true
            }
        guard !isRight else { return }
        violated(
            "the ROLLOUT to \(key.id) ended \(outcome ?? ""): \(record["expected"]?.serialized ?? "") are expected"
        )
    }
}

extension SimulatedStore {
    /// The rollout that the application takes part in.
    private func rollout(of app: AppID) -> JSON? {
        records.keys.lazy.filter { $0.kind == .application }.compactMap { json($0)?["operation"]?["rollout"] }
            .first { $0["from"]?.text == app.rawValue || $0["to"]?.text == app.rawValue }
    }

    func isInRollout(_ app: AppID) -> Bool { rollout(of: app) != nil }

    /// The kind of the operation under way, or of the last one.
    func lastKind(of app: AppID) -> String? {
        guard !isInRollout(app) else { return "ROLLOUT" }
        let record = json(RecordKey(.application, app.rawValue))
        return (record?["operation"] ?? record?["lastOperation"])?["kind"]?.text
    }
}
