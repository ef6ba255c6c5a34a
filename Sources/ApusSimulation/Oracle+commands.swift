import ApusEngine
import ApusModel
import HashTreeCollections

/// What must hold of leaders and of the commands that leave them.
extension Oracle {
    mutating func leads(_ epoch: Epoch, _ state: ClusterState, store: SimulatedStore) {
        if epoch <= self.epoch { violated("epoch \(epoch) follows epoch \(self.epoch)") }
        self.epoch = epoch
        isAcknowledged = false
        (startsSent, stopsSent, unheard) = ([], [], [:])
        requests.crashed(store: store)
        violated(tasks.crashed(store: store))
        for instance in state.instances.values {
            guard let app = instance.app else { continue }
            startsSent.insert(instance.id)
            unheard[app, default: []].insert(instance.executor)
        }
        committed(state)
        stored(store)
    }

    /// A report of that executor reached the leader.
    mutating func heard(_ report: NodeReport, at now: Moment) {
        wellness.heard(report, at: now)
        for app in unheard.keys { unheard[app]?.remove(report.identity.id) }
    }

    /// What is too many is being stopped, unless it may not be yet.
    mutating func decided(_ engine: Engine) {
        let state = engine.state
        let absent = { (member: Member) in member.presence == .silent || member.isLost }
        let named = named
        if state.members.values.allSatisfy({ absent($0) || named[$0.id] ?? 0 >= state.epoch }) {
            isAcknowledged = true
        }
        for member in state.members.values where member.isLost { wellness.lost(member.id) }
        for app in unheard.keys {
            unheard[app] = unheard[app]?.filter { !(state.members[$0]?.isLost ?? true) }
        }
        let mayStop = state.members.values.allSatisfy { absent($0) || $0.acknowledged >= state.epoch }
        guard mayStop, !engine.hasWork else { return }
        for (app, application) in state.applications {
            let instances = state.instances(of: app)
            let isGathered = instances.allSatisfy { instance in
                state.members[instance.executor].map { $0.incarnation > 0 || $0.isLost } ?? true
            }
            // What STOP_INSTANCES names goes in its own time.
            let operation = application.operation
            let leaving = operation?.kind == .stopInstances ? Set(operation?.targets ?? []) : []
            let alive = instances.count { $0.isAlive && !leaving.contains($0.id) }
            guard isGathered, alive > Self.most(application) else { continue }
            violated("\(alive) of \(app) are alive, \(application.expected) are expected, and none is being stopped")
        }
    }

    /// The most that may be alive: a replacement that starts first has some more.
    private static func most(_ application: Application) -> Int {
        guard let operation = application.operation, operation.kind == .replaceInstances,
            operation.order == .startFirst
        else { return application.expected }
        return application.expected + operation.parallelism
    }

    // MARK: commands

    /// `state` is what was decided with this command.
    mutating func leaves(_ command: NodeCommand, _ state: ClusterState, store: SimulatedStore) {
        if command.fence.epoch != store.epoch { violated("a command of epoch \(command.fence.epoch) leaves") }
        switch command.order {
        case .start(let spec): start(spec, leavesFor: command.executor, state, store)
        case .stop(let id, let reason): stop(id, reason, state)
        }
    }

    private mutating func start(
        _ spec: InstanceSpec,
        leavesFor executor: ExecutorID,
        _ state: ClusterState,
        _ store: SimulatedStore
    ) {
        let isFirst = startsSent.insert(spec.id).inserted
        switch spec.owner {
        case .application, .localService:
            if isFirst, case .application(let app) = spec.owner { checkCount(with: spec.id, of: app, state) }
            guard store.holdsAssignment(of: spec.id, on: executor) else {
                return violated("the START of \(spec.id) leaves before its assignment is stored")
            }
        case .task(let task):
            checkPlace(of: spec.id, task, executor)
            let record = store.json(task)
            guard record?["executor"] == executor.json, record?["assignment"]?["id"] == spec.id.json else {
                return violated("the START of \(spec.id) leaves before its assignment is stored")
            }
        }
    }

    /// Never more than expected and what a replacement may add.
    private mutating func checkCount(with id: InstanceID, of app: AppID, _ state: ClusterState) {
        if let unheard = unheard[app]?.sorted().first {
            violated("one more of \(app) starts before \(unheard), where some may run, was heard")
        }
        guard let application = state.applications[app] else { return }
        let alive = Set(state.instances(of: app).filter(\.isAlive).map(\.id)).union([id]).count
        guard alive > Self.most(application) else { return }
        violated("one more of \(app) starts although \(application.expected) are expected and \(alive - 1) alive")
    }

    /// A task has one executor; another only if the first surely had no room for it.
    private mutating func checkPlace(of id: InstanceID, _ task: TaskID, _ executor: ExecutorID) {
        if let place = taskPlaces[task], place != (id, executor), !unhoused.contains(place.instance) {
            violated("the START of task \(task) leaves for \(executor) after one for \(place.executor)")
        }
        taskPlaces[task] = (id, executor)
    }

    private mutating func stop(_ id: InstanceID, _ reason: StopReason, _ state: ClusterState) {
        if !isAcknowledged { violated("a STOP leaves before every member has acknowledged epoch \(epoch)") }
        guard stopsSent.insert(id).inserted, let instance = state.instances[id], let app = instance.app else { return }
        if let unheard = unheard[app]?.sorted().first {
            violated("\(id) of \(app) is stopped before \(unheard), where some may run, was heard")
        }
        guard reason == .replaced || reason == .surplus, instance.state == .healthy,
            state.members[instance.executor]?.presence == .present, let application = state.applications[app],
            let operation = application.operation, operation.kind == .replaceInstances, operation.order == .startFirst
        else { return }
        let healthy = state.instances(of: app).count { $0.isHealthy && $0.id != id }
        guard healthy < application.expected else { return }
        violated("\(app) falls below \(application.expected) healthy: \(id) is stopped while \(healthy) others are")
    }

    /// The executor's answer reached the leader.
    mutating func answered(_ command: NodeCommand, _ answer: CommandAnswer) {
        if case .refused(.resourcesHeld, _) = answer { unhoused.insert(command.instance) }
    }
}
