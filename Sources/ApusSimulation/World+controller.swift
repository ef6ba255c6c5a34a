import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// The controller's loop: inputs, turns, commits, effects, outboxes.
extension World {
    static let controllerTick = Duration.milliseconds(250)

    mutating func performAtController(_ event: Event) {
        switch event {
        case .deposedWakes(let life):
            if life == controller.deposed?.process.life { wakeDeposed() }
            return
        case .deposedTicks(let life):
            if life == controller.deposed?.process.life { tickDeposed() }
            return
        case .deposedCommits(let life):
            if life == controller.deposed?.process.life { commitOfDeposed() }
            return
        case .deposedLeaves(let life):
            if life == controller.deposed?.process.life { controller.deposed = nil }
            return
        case .reportArrives(let call, let report) where controller.deposed?.isAwake == true:
            // Some still take it for the leader.
            if chances.network.hits(300) { return takeAsDeposed(report, from: call) }
        default: break
        }
        if case .controllerWakes = event {
            if controller.isPaused { oracle.listens(from: agenda.now) }
            controller.isPaused = false
            let delayed = controller.delayed
            controller.delayed = []
            for event in delayed { performAtController(event) }
            return
        }
        guard !controller.isPaused else {
            controller.delayed.append(event)
            return
        }
        switch event {
        case .controllerStarts: startController()
        case .controllerTicks(let life) where life == controller.process?.life:
            agenda.add(.controllerTicks(life: life), after: World.controllerTick)
            controllerTakes(.tick)
        case .commitEnds(let life) where life == controller.process?.life: commitEnds()
        case .controllerFalls(let life) where life == controller.process?.life:
            crashController(.controllerCrashAmidCommit)
        case .requestArrives(let command): take(command)
        case .reportArrives(let call, let report): take(report, from: call)
        case .commandAnswered(let call, let answer):
            guard let command = endCall(call) else { return }
            oracle.answered(command, answer)
            controllerTakes(.answered(command.executor, command, answer))
        case .commandFails(let call, let reason):
            guard let command = endCall(call) else { return }
            oracle.unreached(command.executor, at: agenda.now)
            controllerTakes(.sendFailed(command.executor, command, reason: reason))
        case .probeAnswered(let call, let outcome): end(call, outcome)
        case .probeFails(let call, let reason): end(call, .failed(reason))
        case .standbysSeen(let life) where life == controller.process?.life: seeStandbys()
        default: break
        }
    }

    var controllerTimes: Times { times(offset: controller.process?.clockOffset ?? .zero, skew: controller.skew) }

    func times(offset: Duration, skew: Duration) -> Times {
        let wall = 1_750_000_000_000 + (agenda.now.nanoseconds + skew.nanoseconds) / 1_000_000
        return Times(now: agenda.now + offset, wall: WallTime(milliseconds: wall))
    }

    // MARK: life and death

    private mutating func startController() {
        guard controller.process == nil else { return }
        let offset = chances.controller.milliseconds(0...1_000_000)
        controller.starts += 1
        let epoch = controller.store.acquireEpoch()
        let seed = chances.controller.seed()
        note("controller starts, epoch \(epoch)")
        if let since = controller.goneSince, agenda.now - since > .seconds(10) { met(.controllerGoneLong) }
        controller.goneSince = nil
        do {
            let engine = try Engine(
                cluster: cluster,
                epoch: epoch,
                seed: seed,
                records: controller.store.all,
                settings: settings,
                at: times(offset: offset, skew: controller.skew)
            )
            controller.process = SimulatedController.Process(
                life: controller.starts,
                clockOffset: offset,
                began: agenda.now,
                turn: Turn(engine: engine),
                outboxes: Array(repeating: SimulatedController.Outbox(), count: executors.count)
            )
            oracle.leads(epoch, engine.state, store: controller.store, at: agenda.now)
            agenda.add(.controllerTicks(life: controller.starts), after: World.controllerTick)
            sabotageGathering()
            if controller.process?.turn.pending == nil { closeTurn() }
        } catch {
            oracle.violated("the controller cannot start: \(error.message)")
        }
    }

    mutating func crashController(_ fault: Fault) {
        guard controller.process != nil else { return }
        met(fault)
        note("controller crashes: \(fault)")
        endCommit()
        controller.process = nil
        replaceController()
    }

    /// What is being committed when its leader is gone is in the store, or not.
    mutating func endCommit() {
        guard let batch = controller.process?.turn.pending, controller.process?.isCommitting == true else { return }
        if chances.controller.hits(500) {
            met(.commitKeptInCrash)
            met(.keptInCrash, batch)
            store(batch)
        } else {
            met(.commitLostInCrash)
            met(.lostInCrash, batch)
        }
    }

    /// Another one will lead; until then nobody does.
    mutating func replaceController() {
        controller.delayed = []
        controller.goneSince = agenda.now
        guard plan.isRandom else { return agenda.add(.controllerStarts, after: .seconds(1)) }
        let isLong = chances.controller.hits(200)
        agenda.add(.controllerStarts, after: chances.controller.milliseconds(isLong ? 9000...40_000 : 100...9000))
    }

    /// True if the process was brought down at this point.
    mutating func crashes(at fault: Fault) -> Bool {
        guard chances.controller.hits(profile.crashPoint) else { return false }
        crashController(fault)
        return true
    }

    private var settings: EngineSettings {
        var settings = EngineSettings()
        settings.retention = terrain.retention
        settings.standbyPatience = .seconds(3)
        return settings
    }

    // MARK: inputs

    private mutating func take(_ command: Command) {
        guard controller.process != nil else { return }
        // A task of the same name would be another one: nobody could tell them apart.
        if case .task(.create(let spec, _)) = command, oracle.tasks.wasForgotten(spec.id) { return }
        if case .task(.create(let spec, _)) = command, oracle.tasks.isKnown(spec.id),
            controller.process?.turn.engine.state.tasks[spec.id] == nil
        {
            return
        }
        guard hasRoom(for: command) else { return }
        controller.lastRequest += 1
        oracle.taken(controller.lastRequest, command)
        note("request \(controller.lastRequest): \(command.words)")
        countOrders(command)
        if command == .cluster(.confirmRestoration) || command == .cluster(.confirmStops) {
            oracle.confirmed(at: agenda.now)
        }
        controllerTakes(.command(controller.lastRequest, command))
    }

    private mutating func take(_ report: NodeReport, from call: ReportCall) {
        guard controller.process != nil else {
            // Nobody listens: the caller is told at once.
            agenda.add(.reportFails(call), after: .milliseconds(1))
            return
        }
        controller.lastRequest += 1
        controller.process?.callers[controller.lastRequest] = call
        let changes = report.instances.map { "\($0.id.short)=\($0.state.rawValue)" }.joined(separator: " ")
        note("e\(call.executor).\(call.life) reports \(report.base)..\(report.revision) \(changes)")
        countTasks(in: report)
        oracle.heard(report, at: agenda.now)
        controllerTakes(.report(controller.lastRequest, report))
    }

    private mutating func countTasks(in report: NodeReport) {
        for instance in report.instances {
            guard case .task = instance.owner else { continue }
            if instance.state.isTerminal, controller.isStoreAway { met(.taskResultStoreAway) }
            let member = controller.process?.turn.engine.state.members[report.identity.id]
            if instance.state == .running, member?.isLost == true { met(.taskBackFromLoss) }
        }
    }

    mutating func controllerTakes(_ input: Input) {
        guard let isCommitting = controller.process?.isCommitting else { return }
        guard !isCommitting else {
            controller.process?.inbox.append(input)
            return
        }
        let times = controllerTimes
        release(controller.process?.turn.take(input, at: times) ?? [])
        if controller.process?.turn.pending == nil { closeTurn() }
    }

    // MARK: turns

    private mutating func closeTurn() {
        var rounds = 0
        let times = controllerTimes
        repeat {
            let before = controller.process?.decided ?? agenda.now
            controller.process?.decidedBefore = before
            controller.process?.decided = agenda.now
            guard let step = controller.process?.turn.close(at: times) else { return }
            check(step)
            follow(step)
            rounds += 1
        } while controller.process?.turn.pending == nil && controller.process?.turn.hasWork == true && rounds < 100
    }

    /// What changes without a record or an effect shows soon enough.
    private mutating func check(_ step: Turn.Step) {
        guard let engine = controller.process?.turn.engine else { return }
        if case .release(let effects) = step, effects.allSatisfy(\.isQuiet), agenda.now < checkedDecisions + .seconds(1)
        {
            return
        }
        checkedDecisions = agenda.now
        oracle.decided(engine, executors)
    }

    private mutating func follow(_ step: Turn.Step) {
        switch step {
        case .release(let effects): release(effects)
        case .commit(let batch):
            guard !crashes(at: .controllerCrashBeforeCommit) else { return met(.decidedThenCrashed, batch) }
            controller.process?.isCommitting = true
            note("commits \(batch.writes.map { "\($0.key.kind.rawValue)/\($0.key.id)" }.joined(separator: " "))")
            awaitCommit()
        }
    }

    private mutating func awaitCommit() {
        guard let life = controller.process?.life else { return }
        let span = chances.controller.milliseconds(1...15)
        agenda.add(.commitEnds(life: life), after: span)
        if chances.controller.hits(profile.crashPoint) { agenda.add(.controllerFalls(life: life), after: span / 2) }
    }

    private mutating func commitEnds() {
        guard let batch = controller.process?.turn.pending else { return }
        controller.commits += 1
        switch commitFate() {
        case nil: break
        case .before:
            met(.failedBefore, batch)
            return commitFailed(.commitFailedBefore)
        case .after:
            met(.failedAfter, batch)
            store(batch)
            return commitFailed(.commitFailedAfter)
        case .crashBefore:
            controller.process?.isCommitting = false
            return crashController(.commitLostInCrash)
        case .crashAfter:
            store(batch)
            controller.process?.isCommitting = false
            return crashController(.commitKeptInCrash)
        }
        store(batch)
        guard !crashes(at: .controllerCrashAfterCommit) else { return }
        controller.process?.isCommitting = false
        guard let step = controller.process?.turn.stored() else { return }
        if case .release = step, let turn = controller.process?.turn {
            let before = controller.process?.decidedBefore ?? agenda.now
            oracle.committed(turn.committed, since: before, at: agenda.now)
        }
        follow(step)
        takeInbox()
    }

    private mutating func commitFate() -> Plan.CommitFailure? {
        if let planned = plan.commitFailure, planned.commit == controller.commits { return planned.failure }
        if controller.isStoreAway { return .before }
        guard chances.controller.hits(profile.commitFailure) else { return nil }
        return chances.controller.hits(500) ? .before : .after
    }

    /// The outcome is in doubt: what comes now is taken softly, and the same batch is tried again.
    private mutating func commitFailed(_ fault: Fault) {
        met(fault)
        note("commit failed: \(fault)")
        sabotageDoubt()
        controller.process?.isCommitting = false
        takeInbox()
        guard let life = controller.process?.life else { return }
        agenda.add(.commitEnds(life: life), after: .milliseconds(200))
    }

    private mutating func takeInbox() {
        guard let inbox = controller.process?.inbox, controller.process?.isCommitting == false, !inbox.isEmpty else {
            return
        }
        controller.process?.inbox = []
        let times = controllerTimes
        for input in inbox { release(controller.process?.turn.take(input, at: times) ?? []) }
        if controller.process?.turn.pending == nil { closeTurn() }
    }

    mutating func store(_ batch: Batch) {
        let batch = sabotaged(batch)
        let before = batch.writes.map { controller.store.json($0.key) }
        if !controller.store.apply(batch) { oracle.violated("a batch of epoch \(batch.epoch) was committed late") }
        for (write, earlier) in zip(batch.writes, before) {
            follow(write.key, from: earlier)
            oracle.checkRollout(write.key, before: earlier, controller.store)
        }
        let expired = (oracle.requests.expired, oracle.tasks.expired)
        oracle.stored(batch, store: controller.store, wall: controllerTimes.wall)
        if oracle.requests.expired > expired.0 { met(.applicationExpired) }
        if oracle.tasks.expired > expired.1 { met(.taskExpired) }
        for write in batch.writes where write.key.kind == .application {
            countOutcome(of: controller.store.json(write.key)?["lastOperation"])
        }
    }

    private mutating func countOutcome(of operation: JSON?) {
        guard let operation, let id = operation["id"]?.text, operationsEnded.insert(id).inserted else { return }
        switch operation["outcome"]?.text {
        case "FAILED": met(.operationFailed)
        case "ROLLED_BACK": met(.operationRolledBack)
        case "CANCELLED": met(.operationCancelled)
        case "SUPERSEDED": met(.operationSuperseded)
        default: break
        }
    }
}

extension Effect {
    /// It says nothing of what was decided.
    fileprivate var isQuiet: Bool {
        switch self {
        case .reply, .probe: true
        default: false
        }
    }
}
