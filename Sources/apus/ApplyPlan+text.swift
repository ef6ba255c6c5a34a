import ApusClient
import ApusModel

/// What an entry of a plan says, to people and in JSON.
extension ApplyPlan.Entry {
    /// As a user writes it.
    var id: String { workload.idText }

    /// What applying does, in one line.
    var title: String { "\(place): \(deed)" }

    private var deed: String {
        switch step {
        case .create(let count): "\(id) is created with \(Self.instances(count))"
        case .rollOut(let from, let count, let isNew):
            "\(id)\(isNew ? " is created and" : "") takes the place of \(from), with \(Self.instances(count))"
        case .scale(let before, let count) where count == .number(before):
            "\(id) is brought to its \(Self.instances(count))"
        case .scale(let before, let count): "\(id) is scaled from \(before) to \(Self.instances(count))"
        case .activate(let isNew): "local service \(id) is \(isNew ? "created and " : "")activated on every executor"
        case .run: "task \(id) is run"
        case .keep: "\(id) is unchanged"
        case .refuse(let reason): "\(id) cannot be applied: \(reason)"
        }
    }

    private static func instances(_ count: InstanceCount) -> String {
        switch count {
        case .number(1): "1 instance"
        case .number(let number): "\(number) instances"
        case .share(let share): "\(share.text) of what the cluster holds"
        }
    }

    /// What comes below the title.
    var details: [String] { (fields.map(\.text) + remarks).map { "  \($0)" } }

    /// In a fixed order of keys; what does not apply is left out.
    var json: [JSON.Member] {
        let members: [(String, JSON?)] = [
            ("document", .string(place)), ("kind", .string(kind)), ("id", .string(id)), ("step", .string(stepName)),
            ("from", from), ("instances", instances), ("reason", reason),
            ("changes", fields.isEmpty ? nil : .array(fields.map(\.json))),
            ("remarks", remarks.isEmpty ? nil : .array(remarks.map { .string($0) })),
        ]
        return members.compactMap { key, value in value.map { JSON.Member(key, $0) } }
    }

    private var kind: String {
        switch workload {
        case .application: "APPLICATION"
        case .localService: "LOCAL_SERVICE"
        case .task: "TASK"
        }
    }

    private var stepName: String {
        switch step {
        case .create: "CREATE"
        case .rollOut: "ROLLOUT"
        case .scale: "SCALE"
        case .activate: "ACTIVATE"
        case .run: "RUN"
        case .keep: "NONE"
        case .refuse: "REFUSED"
        }
    }

    private var from: JSON? { if case .rollOut(let from, _, _) = step { from.json } else { nil } }

    private var instances: JSON? {
        switch step {
        case .create(let count), .rollOut(_, let count, _), .scale(_, let count): count.json
        case .activate, .run, .keep, .refuse: nil
        }
    }

    private var reason: JSON? { if case .refuse(let reason) = step { .string(reason) } else { nil } }
}

extension SpecDifference.Field {
    fileprivate var json: JSON { .members(["path": .string(path), "old": old, "new": new]) }
}
