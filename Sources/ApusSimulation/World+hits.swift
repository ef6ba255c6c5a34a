import ApusAgent
import ApusEngine
import ApusModel

/// What this run met.
extension World {
    /// A fault takes effect.
    mutating func met(_ fault: Fault) {
        hits.met[fault, default: 0] += 1
        var isIdle = true
        for work in Work.allCases where underWay[work] ?? 0 > 0 {
            hits.faults.count(fault, work)
            if work != .task, work != .localService { isIdle = false }
        }
        if isIdle { hits.faults.count(fault, .noOperation) }
    }

    mutating func met(_ trouble: CommitTrouble, _ batch: Batch) {
        for kind in Set(batch.writes.map { StoredKind($0.key.kind) }) { hits.commits.count(trouble, kind) }
    }

    mutating func met(_ trouble: JournalTrouble, _ write: SimulatedDisk.Write) {
        for kind in Set(write.records.map(\.hitKind)) { hits.journals.count(trouble, kind) }
    }

    /// A record was stored; `before` is what it was.
    mutating func follow(_ key: RecordKey, from before: JSON?) {
        let record = controller.store.json(key)
        if key.kind == .task {
            let (from, to) = (TaskStage(before), TaskStage(record))
            if from != to { hits.taskRecords.count(from, to) }
        }
        if let share = record?["share"], share == before?["share"], record?["expected"] != before?["expected"] {
            met(.shareFollowed)
        }
        if let earlier = Work(of: before, key.kind) { underWay[earlier, default: 0] -= 1 }
        if let later = Work(of: record, key.kind) { underWay[later, default: 0] += 1 }
    }

    /// The states that changed in an executor's step.
    mutating func followInstances(of index: Int) {
        guard let changed = executors[index].changedStages() else { return }
        for (id, owner, state) in changed {
            let from = Stage(state: executors[index].process?.stages.updateValue(state, forKey: id) ?? nil)
            let to = Stage(state: state)
            guard from != to else { continue }
            if case .task = owner { hits.tasks.count(from, to) } else { hits.instances.count(from, to) }
        }
    }
}

extension Work {
    /// What that record says is under way.
    init?(of record: JSON?, _ kind: RecordKind) {
        guard let record else { return nil }
        if kind == .task {
            guard record["end"] == nil else { return nil }
            self = .task
            return
        }
        if kind == .localService, record["operation"] != nil {
            self = .localService
            return
        }
        guard kind == .application, let operation = record["operation"] else { return nil }
        switch operation["kind"]?.text.flatMap(Operation.Kind.init(rawValue:)) {
        case .create: self = .create
        case .startInstances: self = .startInstances
        case .stopInstances: self = .stopInstances
        case .scale: self = .scale
        case .replaceInstances:
            let isStopFirst = operation["order"]?.text == Operation.Order.stopFirst.rawValue
            self = isStopFirst ? .replaceStopFirst : .replaceStartFirst
        case .suspend: self = .suspend
        case .recover: self = .recover
        case .destroy: self = .destroy
        case .rollout: self = .rollout
        case .adjustInstances, nil: return nil
        }
    }
}

extension SimulatedDisk.Write {
    var records: [JournalRecord] {
        switch self {
        case .append(let records), .replace(let records): records
        }
    }
}

extension JournalRecord {
    var hitKind: JournalledKind {
        switch self {
        case .fence: .fence
        case .accepted: .accepted
        case .adopted: .adopted
        case .stopTold: .stopTold
        case .container: .container
        case .restarting: .restarting
        case .completed: .completed
        case .ended: .ended
        case .settled: .settled
        case .forgotten: .forgotten
        }
    }
}
