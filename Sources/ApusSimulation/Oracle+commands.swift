import ApusEngine
import ApusModel
import HashTreeCollections

/// What must hold of leaders and of the commands that leave them.
extension Oracle {
    mutating func leads(_ epoch: Epoch, _ state: ClusterState, store: SimulatedStore, at now: Moment) {
        listens(from: now)
        if epoch <= self.epoch { violated("epoch \(epoch) follows epoch \(self.epoch)") }
        self.epoch = epoch
        isAcknowledged = false
        (startsSent, stopsSent, unheard, reached) = ([], [], [:], [:])
        requests.crashed(store: store)
        violated(tasks.crashed(store: store))
        services.crashed(store: store)
        spread.loaded(store)
        for instance in state.instances.values {
            startsSent.insert(instance.id)
            guard let app = instance.app else { continue }
            unheard[app, default: []].insert(instance.executor)
        }
        histories.touch()
        committed(state, since: committedAt, at: now)
        stored(store)
    }

    /// A report of that executor reached the leader.
    mutating func heard(_ report: NodeReport, at now: Moment) {
        wellness.heard(report, at: now)
        heardAt[report.identity.key] = now
        for app in unheard.keys { unheard[app]?.remove(report.identity.id) }
    }

    /// What is too many is being stopped, unless it may not be yet.
    mutating func decided(_ engine: Engine, _ executors: [SimulatedExecutor]) {
        let state = engine.state
        if !engine.hasWork { checkShares(state, executors) }
        let absent = { (member: Member) in member.presence == .silent || member.isLost }
        let named = named
        if state.members.values.allSatisfy({ absent($0) || named[$0.key] ?? 0 >= state.epoch }) {
            isAcknowledged = true
        }
        wellness.decided(state)
        for app in unheard.keys {
            unheard[app] = unheard[app]?.filter { !(state.members[$0]?.isLost ?? true) }
        }
        let mayStop = state.members.values.allSatisfy { absent($0) || $0.acknowledged >= state.epoch }
        guard mayStop, !engine.hasWork, state.facts.mode == .normal,
            state.facts.restoration?.isConfirmed != false
        else { return }
        for (app, application) in state.applications {
            let instances = state.instances(of: app)
            let isGathered = instances.allSatisfy { instance in
                state.members[instance.executor].map { $0.incarnation > 0 || $0.isLost } ?? true
            }
            // What STOP_INSTANCES names goes in its own time.
            let operation = application.operation
            let leaving = operation?.kind == .stopInstances ? Set(operation?.targets ?? []) : []
            let alive = instances.count { $0.isAlive && !leaving.contains($0.id) }
            guard isGathered, alive > Self.most(application, state) else { continue }
            let there = Self.standing(of: application, state)
            violated(
                "\(alive) of \(app) are alive, \(application.expected) are expected, and none is being stopped: \(there)"
            )
        }
    }

    /// The most that may be alive: a replacement that starts first has some more, and what moves elsewhere has one.
    private static func most(_ application: Application, _ state: ClusterState) -> Int {
        if let handover = SimulatedHandover(with: application, state), handover.losing.id == application.id {
            return max(application.expected, handover.needed(in: state)) + (moves(application, state) ? 1 : 0)
        }
        if let operation = application.operation, operation.kind == .replaceInstances,
            operation.order == .startFirst
        {
            return application.expected + operation.parallelism
        }
        // What a restored state has under way does not hold up a move that was asked for since.
        return application.expected + (moves(application, state) ? 1 : 0)
    }

    static func moves(_ application: Application, _ state: ClusterState) -> Bool {
        state.instances(of: application.id).contains { instance in
            instance.isAlive && state.members[instance.executor]?.duty.isLeaving == true
        }
    }

    /// Its instances, for people.
    private static func standing(of application: Application, _ state: ClusterState) -> String {
        let operation = application.operation.map { "\($0.kind.rawValue) is under way; " } ?? ""
        let instances = state.instances(of: application.id).map { instance in
            let member = state.members[instance.executor]
            let duty = member?.duty == .active ? "" : " \(member?.duty.rawValue ?? "GONE")"
            let stop = instance.stop.map { " to be stopped as \($0.reason.rawValue)" } ?? ""
            return "\(instance.id.short) \(instance.state.rawValue) on \(instance.executor)\(duty)\(stop)"
        }
        return operation + instances.joined(separator: ", ")
    }

    // MARK: commands

    /// `state` is what was decided with this command, at `decided`: the commit may have taken its time.
    mutating func leaves(_ command: NodeCommand, _ state: ClusterState, store: SimulatedStore, decided: Moment) {
        checkRestored(command, state)
        if command.fence.epoch != store.epoch { violated("a command of epoch \(command.fence.epoch) leaves") }
        switch command.order {
        case .start(let spec):
            if !startsSent.contains(spec.id) { checkPlace(of: spec, on: command.executor, state, at: decided) }
            start(spec, leavesFor: command.executor, state, store)
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
            if isFirst, case .application(let app) = spec.owner {
                checkCount(with: spec.id, of: app, state)
                checkSurge(with: spec.id, of: app, state)
            }
            if isFirst, case .localService(let service) = spec.owner { checkCount(of: service, on: executor, state) }
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
        guard alive > Self.most(application, state) else { return }
        let there = Self.standing(of: application, state)
        violated(
            "one more of \(app) starts although \(application.expected) are expected and \(alive - 1) alive: \(there)"
        )
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
        // What an executor that takes no commands never confirmed does not count.
        if reason != .lost, let unheard = unheard[app]?.sorted().first {
            violated("\(id) of \(app) is stopped before \(unheard), where some may run, was heard")
        }
        guard let application = state.applications[app] else { return }
        checkHandover(id, reason, instance, application, state)
        checkFloor(id, reason, instance, application, state)
    }

    /// What an operation stops leaves as many as it promised.
    private mutating func checkFloor(
        _ id: InstanceID,
        _ reason: StopReason,
        _ instance: Instance,
        _ application: Application,
        _ state: ClusterState
    ) {
        let others = state.instances(of: application.id).filter { $0.id != id }
        let operation = application.operation
        let targets = Set(operation?.kind == .stopInstances ? operation?.targets ?? [] : [])
        let staying = others.count { $0.isAlive && !targets.contains($0.id) }
        if reason == .surplus || reason == .scaledDown, staying < application.expected {
            violated("\(id) of \(application.id) is stopped as \(reason.rawValue), and only \(staying) stay")
        }
        if reason == .requested, let operation, targets.contains(id) {
            let ending = others.count { !$0.isAlive && targets.contains($0.id) } + 1
            if ending > operation.parallelism { violated("\(ending) of \(application.id) are stopped at once") }
        }
        guard reason == .replaced || reason == .surplus, instance.state == .healthy,
            state.members[instance.executor]?.presence == .present
        else { return }
        let isReplacement = operation?.kind == .replaceInstances
        // What moves elsewhere is replaced without an operation.
        guard reason == .replaced || isReplacement else { return }
        let fewer = isReplacement && operation?.order == .stopFirst ? operation?.parallelism ?? 0 : 0
        let floor = application.expected - fewer
        let healthy = others.count(where: \.isHealthy)
        guard healthy < floor else { return }
        violated("\(application.id) falls below \(floor) healthy: \(id) is stopped while \(healthy) others are")
    }

    /// The executor's answer reached the leader.
    mutating func answered(_ command: NodeCommand, _ answer: CommandAnswer) {
        if case .refused(.resourcesHeld, _) = answer { unhoused.insert(command.instance) }
    }
}
