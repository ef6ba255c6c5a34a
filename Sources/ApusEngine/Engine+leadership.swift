import ApusModel
import ApusPlacement
import HashTreeCollections

/// Taking over: what the store holds becomes the state, as hints until each executor has spoken.
extension Engine {
    mutating func load(_ records: [Record], at times: Times) throws(JSONError) {
        for record in records where record.key == ClusterFacts.key {
            state.facts = try reading(record) { json throws(JSONError) in try ClusterFacts(record: json) }
        }
        takeUpSpread()
        for record in records where record.key.kind == .member { try loadMember(record, at: times) }
        for record in records where record.key.kind == .application { try loadApplication(record, at: times) }
        bindRollouts(at: times.wall)
        for record in records where record.key.kind == .localService { try loadLocalService(record, at: times) }
        try loadHints(records)
        for record in records where record.key.kind == .task { try loadTask(record, at: times) }
        for record in records where record.key.kind == .ended { try loadEnded(record) }
        // Loading changes nothing that is stored.
        touched = []
        effects = []
        noted = Changes()
        _ = state.takeMoves()
    }

    private mutating func loadMember(_ record: Record, at times: Times) throws(JSONError) {
        var member = try reading(record) { json throws(JSONError) in try Member(record: json) }
        member.heard = listening(times.now)
        member.contact = freshContact
        state.members[member.id] = member
        if member.duty.isLeaving { leaving.insert(member.id) }
        offer(member)
        if !member.isLost {
            unheard.insert(member.id)
            wake(.member(member.id), at: soonest(member.heard + settings.silentAfter))
        }
        updateAdmission(of: member.id)
    }

    private mutating func loadApplication(_ record: Record, at times: Times) throws(JSONError) {
        let application = try reading(record) { json throws(JSONError) in
            try Application(record: json, resumed: times.now)
        }
        state.applications[application.id] = application
        follow(application)
    }

    private mutating func loadLocalService(_ record: Record, at times: Times) throws(JSONError) {
        let service = try reading(record) { json throws(JSONError) in
            try LocalService(record: json, resumed: times.now)
        }
        state.localServices[service.id] = service
    }

    /// The oldest instances first, as they were inserted.
    private mutating func loadHints(_ records: [Record]) throws(JSONError) {
        var loaded: [(instance: Instance, page: Int)] = []
        for record in records where record.key.kind == .hint {
            let page = HintPages.place(of: record.key).page
            let instances = try reading(record) { json throws(JSONError) in try Instance.hints(record: json) }
            for instance in instances { loaded.append((instance, page)) }
        }
        loaded.sort { ($0.instance.created, $0.instance.id) < ($1.instance.created, $1.instance.id) }
        for (instance, page) in loaded {
            state.hold(instance.id, of: instance.owner, instance.allocation, on: instance.executor, in: &ledger)
            insert(instance, page: page)
        }
    }

    /// A member is stored as lost before its tasks are, when both do not fit into one batch: a crash in between leaves
    /// instances that nobody would ever end.
    mutating func endLost(at times: Times) {
        for id in state.instances.keys.sorted() {
            guard let instance = state.instances[id], state.members[instance.executor]?.isLost ?? true else { continue }
            let hostname = state.members[instance.executor]?.hostname ?? instance.executor.rawValue
            end(id, lostOn: hostname, at: times)
        }
    }

    private mutating func loadTask(_ record: Record, at times: Times) throws(JSONError) {
        let (run, instance) = try reading(record) { json throws(JSONError) in
            try TaskRun.reading(record: json, resumed: times.now)
        }
        state.tasks[run.id] = run
        guard let instance else { return }
        state.hold(instance.id, of: instance.owner, instance.allocation, on: instance.executor, in: &ledger)
        insert(instance)
    }

    private mutating func loadEnded(_ record: Record) throws(JSONError) {
        let page = try reading(record) { json throws(JSONError) in try EndedHistory.Page(record: json) }
        guard let owner = page.entries.first?.owner else { return }
        var history = state.ended[owner] ?? EndedHistory()
        history.pages.append(page)
        history.pages.sort { $0.number < $1.number }
        state.ended[owner] = history
    }

    private func reading<Value>(_ record: Record, _ read: (JSON) throws(JSONError) -> Value) throws(JSONError) -> Value
    {
        do {
            return try read(try record.json())
        } catch {
            throw JSONError("the record \(record.key.kind.rawValue)/\(record.key.id) cannot be read: \(error.message)")
        }
    }
}
