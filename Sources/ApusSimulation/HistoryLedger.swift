import ApusEngine
import ApusModel
import HashTreeCollections

/// The ended instances that must be known: the newest of each application and local service, for their time.
struct HistoryLedger: Sendable {
    private struct Ended: Sendable {
        let id: InstanceID
        /// It was live then.
        let after: Moment
    }

    private struct History: Sendable {
        /// Of whose they are: one that is created again under the same name has a new history.
        let created: WallTime?
        var ended: [Ended] = []
    }

    let most: Int
    let keeps: Duration
    private var histories: [Owner: History] = [:]
    /// Records of ended instances were stored since it was looked last.
    private var isTouched = false

    init(most: Int, keeps: Duration) { (self.most, self.keeps) = (most, keeps) }

    mutating func stored(_ batch: Batch) {
        if batch.writes.contains(where: { $0.key.kind == .ended }) { touch() }
    }

    /// It is looked at next.
    mutating func touch() { isTouched = true }

    /// An instance of that owner is no longer live; it was after `before`.
    mutating func ended(_ id: InstanceID, _ owner: Owner?, _ state: ClusterState, after before: Moment) {
        guard let owner, let created = state.created(owner) else { return }
        isTouched = true
        if histories[owner]?.created != created { histories[owner] = History(created: created) }
        histories[owner]?.ended.append(Ended(id: id, after: before))
    }

    /// Looks whether what must be known is, if anything of it changed; what is no longer known to have ended is taken out
    /// of `owners`.
    mutating func contradiction(_ state: ClusterState, _ owners: inout [InstanceID: Owner], at now: Moment) -> String? {
        guard isTouched else { return nil }
        isTouched = false
        histories = histories.filter { state.created($0.key) == $0.value.created }
        owners = owners.filter { id, owner in
            if case .task = owner { return true }
            return state.instances[id] != nil || state.ended[owner]?.entry(id) != nil
        }
        for (owner, history) in histories.sorted(by: { $0.key < $1.key }) {
            let newest = history.ended.suffix(most)
            histories[owner]?.ended = Array(newest)
            let entries = state.ended[owner]?.entries ?? []
            let known = Set(entries.map(\.id))
            // Some ended that were never seen live, and some twice: then as many may be known, and not this one.
            let isFull = entries.count >= most
            let last = newest.last.map(\.after)
            let isAlone = newest.count { $0.after == last } == 1
            let missing = newest.first { entry in
                now - entry.after < keeps && !known.contains(entry.id) && (!isFull || isAlone && entry.after == last)
            }
            if let missing { return "the end of \(missing.id) of \(owner) is forgotten" }
        }
        return nil
    }

    /// The store was put back.
    mutating func restored() { histories = [:] }
}

extension ClusterState {
    fileprivate func created(_ owner: Owner) -> WallTime? {
        switch owner {
        case .application(let app): applications[app]?.created
        case .localService(let service): localServices[service]?.created
        case .task: nil
        }
    }
}

/// At the end nothing is kept for longer than it should be.
extension World {
    /// What should have been forgotten; `nil` if nothing.
    func faultOfRetention(_ state: ClusterState) -> String? {
        let retention = terrain.retention
        // A leader looks for it after a while.
        let patience = retention.checkInterval * 2 + .seconds(5)
        // Nothing is forgotten while a restored state is not confirmed.
        guard retention.isShort, let process = controller.process, state.facts.restoration?.isConfirmed != false,
            agenda.now - max(process.began, oracle.confirmedAt) > patience
        else { return nil }
        let wall = controllerTimes.wall
        // Nor in maintenance.
        guard state.facts.mode == .normal, wall - state.facts.changed > patience else { return nil }
        func isStale(_ moment: WallTime, _ keeps: Duration) -> Bool {
            wall - moment > keeps + patience
        }
        let task = state.tasks.values.first { run in
            run.end.map { isStale(max($0.at, run.updated), retention.tasks) } ?? false
        }
        if let task { return "task \(task.id) is not forgotten" }
        let application = state.applications.values.first { application in
            application.state == .monitoring && application.share == nil && application.operation == nil
                && isStale(application.updated, retention.applications)
        }
        if let application { return "\(application.id), of which nothing is wanted, is not destroyed" }
        for (owner, history) in state.ended {
            let settled = history.entries.filter { isStale($0.updated, .zero) }
            if settled.count > retention.mostInstances {
                return "\(settled.count) ended instances of \(owner) are kept"
            }
            if settled.contains(where: { isStale($0.updated, retention.instances) }) {
                return "ended instances of \(owner) are kept too long"
            }
        }
        return nil
    }
}
