import ApusEngine
import ApusModel
import HashTreeCollections
import OrderedCollections

/// A request for change, and who made it.
package struct AskedCommand: Sendable {
    var command: Command
    var actor: AuditActor
}

/// What became of one.
struct AnsweredCommand: Sendable {
    var asked: AskedCommand
    var outcome: CommandOutcome
    /// The operation that it began, if it began one.
    var begun: AuditOperation?
}

/// Makes the audit log's entries of each turn of a leadership: what was asked for first, then what was decided.
struct AuditTrail {
    /// Of so many it is remembered who asked for them.
    private static let mostAskers = 4_096

    /// What somebody asked for: one subject has one after the other, from several people.
    private enum Request: Hashable {
        case operation(OperationID)
        /// What has no operation of its own: the last of its type.
        case last(_ type: String, AuditSubject)

        init(_ operation: AuditOperation) {
            self = operation.id.map { .operation($0) } ?? .last(operation.type, operation.subject)
        }
    }

    private let host: String
    private var askers: OrderedDictionary<Request, String> = [:]

    /// `host` is how this controller names itself.
    init(host: String) { self.host = host }

    /// What became of requests, and what the turn that ended in `state` decided by itself.
    mutating func entries(
        of answers: [AnsweredCommand],
        _ decisions: [Decision],
        in state: ClusterState,
        at wall: WallTime
    ) -> [AuditEntry] {
        var entries: [AuditEntry] = []
        for answer in answers {
            for entry in answer.entries(in: state, at: wall) {
                if entry.outcome == .accepted { note(answer, about: entry.subject) }
                entries.append(entry)
            }
        }
        let actor = AuditActor(.controller, host)
        for decision in decisions {
            var entry = AuditEntry(at: wall, in: state.epoch, actor, decision.kind.rawValue, decision.subject, .done)
            entry.cause = decision.cause
            entry.operation = decision.operation
            entry.operation?.askedBy = decision.operation.flatMap { askers[Request($0)] }
            entry.detail = decision.detail.map { AuditDetail($0) }
            entry.related = decision.related
            entries.append(entry)
        }
        return entries
    }

    private mutating func note(_ answer: AnsweredCommand, about subject: AuditSubject) {
        let request = Request(answer.begun ?? AuditOperation(answer.asked.command.stepType, nil, of: subject))
        askers.removeValue(forKey: request)
        switch answer.asked.command {
        // Whoever ends an operation did not ask for it, nor for the end of what has come to nothing.
        case .cancel, .cancelService: return
        case .application, .localService, .task, .forget, .cluster: askers[request] = answer.asked.actor.name
        }
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

extension Command {
    /// How decisions name it if it has no operation of its own (`ClusterState.decisions`).
    fileprivate var stepType: String {
        switch self {
        case .localService(let operation): operation.typeName
        // What comes to nothing is deactivated with it.
        case .cancelService(let service): LocalServiceOperation.deactivate(service).typeName
        case .application, .cancel, .task, .forget, .cluster: auditAction
        }
    }
}

extension AskedCommand {
    /// What it is about beside its subject: the application that a rollout takes from.
    private var related: [String] {
        if case .application(.rollout(_, let from, _, _)) = command { [from.rawValue] } else { [] }
    }

    fileprivate func subjects(in state: ClusterState) -> [AuditSubject] {
        command.auditSubjects ?? [AuditSubject(.cluster, state.cluster.rawValue)]
    }

    fileprivate func entry(
        _ subject: AuditSubject,
        _ result: AuditEntry.Outcome,
        _ reason: String = "",
        in state: ClusterState,
        at wall: WallTime
    ) -> AuditEntry {
        var entry = AuditEntry(at: wall, in: state.epoch, actor, command.auditAction, subject, result)
        entry.reason = reason
        entry.detail = command.auditDetail.map { AuditDetail($0) }
        entry.related = related
        return entry
    }

    /// Nobody knows here what became of it.
    func entriesInDoubt(for reason: String, in state: ClusterState, at wall: WallTime) -> [AuditEntry] {
        let text = "whether this was carried out is not known, for \(reason)"
        return subjects(in: state).map { entry($0, .inDoubt, text, in: state, at: wall) }
    }
}

extension AnsweredCommand {
    /// One of each subject; none of what nobody decided on.
    fileprivate func entries(in state: ClusterState, at wall: WallTime) -> [AuditEntry] {
        func entry(_ subject: AuditSubject, _ result: AuditEntry.Outcome, _ reason: String = "") -> AuditEntry {
            var entry = asked.entry(subject, result, reason, in: state, at: wall)
            entry.operation = begun
            return entry
        }
        let cluster = AuditSubject(.cluster, state.cluster.rawValue)
        switch outcome {
        case .unavailable: return []
        case .refused(let reasons):
            return asked.subjects(in: state).map { entry($0, .refused, reasons.joined(separator: "; ")) }
        case .accepted(let owner): return [entry(AuditSubject(owner), .accepted)]
        case .cluster(.executors(let change)):
            return change.done.map { entry(AuditSubject($0), .accepted) }
                + change.failed.map { entry(AuditSubject($0.executor), .refused, $0.reason) }
        case .cluster(.facts): return [entry(cluster, .accepted)]
        case .cluster(.released(let stops)): return [Self.releasing(stops, entry(cluster, .accepted))]
        case .cluster(.restored(let stops)): return [Self.releasing(stops.unknown, entry(cluster, .accepted))]
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
