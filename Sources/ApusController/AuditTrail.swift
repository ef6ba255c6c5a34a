import ApusEngine
import ApusModel
import HashTreeCollections
import OrderedCollections

/// A request for change, and who made it.
struct AskedCommand: Sendable {
    var command: Command
    var actor: AuditActor
}

/// Makes the audit log's entries of each turn of a leadership: what was asked for first, then what was decided.
struct AuditTrail {
    /// Of so many it is remembered who asked last for something.
    private static let mostAskers = 4_096

    private let host: String
    private var askers: OrderedDictionary<AuditSubject, String> = [:]

    /// `host` is how this controller names itself.
    init(host: String) { self.host = host }

    /// What became of requests, and what the turn that ended in `state` decided by itself.
    mutating func entries(
        of answers: [(asked: AskedCommand, outcome: CommandOutcome)],
        _ decisions: [Decision],
        in state: ClusterState,
        at wall: WallTime
    ) -> [AuditEntry] {
        var entries: [AuditEntry] = []
        for (asked, outcome) in answers {
            for entry in asked.entries(outcome, in: state, at: wall) {
                // Whoever ends an operation did not ask for it.
                if entry.outcome == .accepted, !asked.isCancel { note(asked.actor.name, for: entry.subject) }
                entries.append(entry)
            }
        }
        let actor = AuditActor(.controller, host)
        for decision in decisions {
            var entry = AuditEntry(at: wall, in: state.epoch, actor, decision.kind.rawValue, decision.subject, .done)
            entry.cause = decision.cause
            entry.operation = decision.operation
            if let subject = decision.operation?.subject { entry.operation?.askedBy = askers[subject] }
            entry.detail = decision.detail.map { AuditDetail($0) }
            entry.related = decision.related
            entries.append(entry)
        }
        return entries
    }

    private mutating func note(_ name: String, for subject: AuditSubject) {
        askers.removeValue(forKey: subject)
        askers[subject] = name
        if askers.count > Self.mostAskers { askers.removeFirst() }
    }

    /// That a leadership begins or ends.
    func leadership(_ kind: ClusterEvent.Kind, of state: ClusterState, at wall: WallTime) -> AuditEntry {
        let subject = AuditSubject(.cluster, state.cluster.rawValue)
        let actor = AuditActor(.controller, host)
        var entry = AuditEntry(at: wall, in: state.epoch, actor, kind.rawValue, subject, .done)
        entry.cause = "\(host) \(kind == .leadershipAcquired ? "leads from now on" : "leads no more")"
        return entry
    }
}

extension AskedCommand {
    fileprivate var isCancel: Bool {
        switch command {
        case .cancel, .cancelService: true
        default: false
        }
    }

    /// What it is about beside its subject: the application that a rollout takes from.
    private var related: [String] {
        if case .application(.rollout(_, let from, _, _)) = command { [from.rawValue] } else { [] }
    }

    /// One of each subject; none of what nobody decided on.
    fileprivate func entries(_ outcome: CommandOutcome, in state: ClusterState, at wall: WallTime) -> [AuditEntry] {
        func entry(_ subject: AuditSubject, _ result: AuditEntry.Outcome, _ reason: String = "") -> AuditEntry {
            var entry = AuditEntry(at: wall, in: state.epoch, actor, command.auditAction, subject, result)
            entry.reason = reason
            entry.detail = command.auditDetail.map { AuditDetail($0) }
            entry.related = related
            entry.operation = result == .accepted ? operation(on: subject, in: state) : nil
            return entry
        }
        let cluster = AuditSubject(.cluster, state.cluster.rawValue)
        switch outcome {
        case .unavailable: return []
        case .refused(let reasons):
            let subjects = command.auditSubjects ?? [cluster]
            return subjects.map { entry($0, .refused, reasons.joined(separator: "; ")) }
        case .accepted(let owner): return [entry(AuditSubject(owner), .accepted)]
        case .cluster(.executors(let change)):
            return change.done.map { entry(AuditSubject($0), .accepted) }
                + change.failed.map { entry(AuditSubject($0.executor), .refused, $0.reason) }
        case .cluster(.facts): return [entry(cluster, .accepted)]
        case .cluster(.released(let stops)): return [Self.releasing(stops, entry(cluster, .accepted))]
        case .cluster(.restored(let stops)): return [Self.releasing(stops.unknown, entry(cluster, .accepted))]
        }
    }

    /// The operation that it began.
    private func operation(on subject: AuditSubject, in state: ClusterState) -> AuditOperation? {
        switch command {
        case .application(let asked):
            state.applications[asked.appID]?.operation.map { AuditOperation($0.kind.rawValue, $0.id, of: subject) }
        case .localService(let asked):
            state.localServices[asked.serviceID]?.operation.map { AuditOperation($0.kind.rawValue, $0.id, of: subject) }
        case .cancel, .cancelService, .task, .forget, .cluster: nil
        }
    }

    /// The stops that may leave now.
    private static func releasing(_ stops: [HeldStop], _ entry: AuditEntry) -> AuditEntry {
        var entry = entry
        entry.detail = AuditDetail(
            .members([
                "released": .integer(Int64(stops.count)), "instanceIds": .array(stops.map(\.instance.json)),
            ])
        )
        return entry
    }
}
