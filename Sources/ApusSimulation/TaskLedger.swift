import ApusEngine
import ApusModel

/// What the clients were promised of tasks: each that was accepted is in the store until it is forgotten, and its end
/// never changes.
struct TaskLedger: Sendable {
    private struct Entry: Sendable {
        var isAccepted = false
        /// Requests to forget it that are not answered.
        var forgets = 0
        var isForgotten = false
        var end: JSON?
    }

    /// One that has ended is forgotten after so long.
    let keeps: Duration
    /// How many were.
    private(set) var expired = 0
    private var entries: [TaskID: Entry] = [:]
    private var open: [RequestID: Command] = [:]
    /// How each task's container ended.
    private var exits: [InstanceID: Set<Int64>] = [:]
    /// Tasks whose container was started.
    private var started: [TaskID: ContainerID] = [:]
    /// Placed once, and unplaced by what the store was put back to: where it was placed first it may still begin to run.
    private var placedTwice: Set<TaskID> = []

    init(keeps: Duration) { self.keeps = keeps }

    /// It was asked for, whatever became of it.
    func isKnown(_ task: TaskID) -> Bool { entries[task] != nil }

    /// Its record need not be there, or soon need not.
    func mayBeGone(_ task: TaskID) -> Bool {
        guard let entry = entries[task] else { return true }
        return entry.isForgotten || entry.forgets > 0
    }

    func wasForgotten(_ task: TaskID) -> Bool { entries[task].map { $0.isForgotten || $0.forgets > 0 } ?? false }

    mutating func taken(_ request: RequestID, _ command: Command) {
        switch command {
        case .application, .cancel, .cluster, .localService, .cancelService: return
        case .task(.create(let spec, _)): entries[spec.id] = entries[spec.id] ?? Entry()
        case .task(.kill): break
        case .forget(let task): entries[task]?.forgets += 1
        }
        open[request] = command
    }

    /// The answer leaves the controller.
    ///
    /// - Returns: what is wrong.
    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome, store: SimulatedStore) -> String? {
        guard let command = open.removeValue(forKey: request) else { return nil }
        var isAccepted = false
        if case .accepted = outcome { isAccepted = true }
        switch command {
        case .forget(let task):
            entries[task]?.forgets -= 1
            guard isAccepted else { return nil }
            entries[task]?.isForgotten = true
            return store.json(task) == nil ? nil : "task \(task) is forgotten, and the store has it"
        case .task(.create(let spec, _)):
            guard isAccepted else { return nil }
            entries[spec.id]?.isAccepted = true
            return missing(spec.id, store)
        case .task(.kill(let task, _)):
            guard isAccepted else { return nil }
            let isRecorded = store.json(task)?["killed"] == .bool(true)
            return isRecorded || mayBeGone(task) ? nil : "an accepted request is lost: task \(task) is to be killed"
        case .application, .cancel, .cluster, .localService, .cancelService: return nil
        }
    }

    private func missing(_ task: TaskID, _ store: SimulatedStore) -> String? {
        guard store.json(task) == nil, !mayBeGone(task) else { return nil }
        return "the accepted task \(task) is lost"
    }

    // MARK: the store

    mutating func stored(_ batch: Batch, store: SimulatedStore, wall: WallTime) -> String? {
        for write in batch.writes where write.key.kind == .task {
            guard let task = TaskID(rawValue: write.key.id) else { continue }
            guard let record = store.json(task) else {
                guard let entry = entries[task], !entry.isForgotten else { continue }
                if let end = entry.end?["at"]?.integer.map(WallTime.init(milliseconds:)), wall - end >= keeps {
                    entries[task]?.isForgotten = true
                    expired += 1
                } else if entry.forgets == 0 {
                    return "the accepted task \(task) is lost"
                }
                continue
            }
            guard let entry = entries[task], !entry.isForgotten else { return "task \(task) is there unasked" }
            if let text = check(record["end"], of: task) { return text }
        }
        return nil
    }

    private mutating func check(_ end: JSON?, of task: TaskID) -> String? {
        if let known = entries[task]?.end, known != end { return "the recorded end of task \(task) changes" }
        guard let end, entries[task]?.end == nil else { return nil }
        entries[task]?.end = end
        guard let cause = end["cause"], cause["kind"]?.text == "EXITED", let code = cause["code"]?.integer, code >= 0,
            let instance = end["place"]?["instance"]?.text
        else { return nil }
        guard exits[InstanceID(instance)]?.contains(code) ?? false else {
            return "the record of task \(task) says it exited with \(code), which it did not"
        }
        return nil
    }

    /// A leader has loaded the store: what was not answered is in it or never will be.
    mutating func crashed(store: SimulatedStore) -> String? {
        open = [:]
        for (task, entry) in entries.sorted(by: { $0.key < $1.key }) {
            let isThere = store.json(task) != nil
            if entry.isForgotten {
                if isThere { return "task \(task) was forgotten and is there again" }
            } else if entry.forgets > 0 {
                entries[task]?.forgets = 0
                entries[task]?.isForgotten = !isThere
            } else if entry.isAccepted {
                if !isThere { return "the accepted task \(task) is lost" }
            } else if isThere {
                entries[task]?.isAccepted = true
            } else {
                entries[task] = nil
            }
        }
        return nil
    }

    /// The store was put back: its tasks are those there are, and what was placed and is unplaced now may run once more.
    mutating func restored(_ store: SimulatedStore, placed: Set<TaskID>) {
        (open, entries) = ([:], [:])
        for record in store.all where record.key.kind == .task {
            guard let task = TaskID(rawValue: record.key.id) else { continue }
            let json = store.json(record.key)
            entries[task] = Entry(isAccepted: true, end: json?["end"])
            if TaskStage(json) == .unplaced, placed.contains(task) { placedTwice.insert(task) }
        }
    }

    // MARK: containers

    /// Its container is asked to run.
    mutating func starts(_ container: ContainerID, of task: TaskID) -> String? {
        guard let earlier = started.updateValue(container, forKey: task), placedTwice.remove(task) == nil else {
            return nil
        }
        return "the container of task \(task) is started twice: \(earlier), \(container)"
    }

    mutating func exits(_ instance: InstanceID, code: Int64) { exits[instance, default: []].insert(code) }

    // MARK: the end

    /// What is not over, or has no reason; `nil` if all is as it should be.
    func unfinished(in store: SimulatedStore) -> String? {
        for (task, entry) in entries.sorted(by: { $0.key < $1.key }) where entry.isAccepted && !entry.isForgotten {
            guard let end = store.json(task)?["end"] else { return "task \(task) does not end" }
            let isSuccess = end["cause"]?["kind"]?.text == "EXITED" && end["cause"]?["code"]?.integer == 0
            if !isSuccess, end["error"]?.text ?? "" == "" { return "task \(task) ended without a reason" }
        }
        return nil
    }
}

extension SimulatedStore {
    func json(_ task: TaskID) -> JSON? { json(RecordKey(.task, task.rawValue)) }
}
