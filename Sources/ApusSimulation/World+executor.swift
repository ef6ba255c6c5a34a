import ApusAgent
import ApusModel

/// The executor's process around its agent: journal, messages, clock.
extension World {
    mutating func performAtExecutor(_ event: Event) {
        if let index = event.executorThatTakesIt, executors[index].isStopped {
            executors[index].process?.delayed.append(event)
            return
        }
        switch event {
        case .executorStarts(let index): startExecutor(index)
        case .agentTicks(let index, let life) where lives(index, life):
            guard let tick = executors[index].nextTick, tick <= executorTimes(index).now else { return }
            executors[index].process?.tick = nil
            tell(index, .tick)
        case .journalWritten(let index, let life) where lives(index, life): journalWritten(index)
        case .commandArrives(let call, let command): take(command, from: call)
        case .probeArrives(let call): answer(call)
        case .replyArrives(let call, let answer):
            guard endReport(call) else { return }
            let known = executors[call.executor].process?.turn.agent.fence?.epoch ?? 0
            if answer.canCommit, answer.verdict != .refused, answer.epoch >= known {
                oracle.hears(call.executor, at: agenda.now)
            }
            tell(call.executor, .reportAnswered(answer, number: call.number))
        case .reportFails(let call):
            guard endReport(call) else { return }
            tell(call.executor, .reportFailed(number: call.number))
        case .executorFalls(let index, let life) where lives(index, life):
            crashExecutor(index, .executorCrashAmidWork)
        case .executorContinues(let index, let life) where lives(index, life): continueExecutor(index)
        case .jobEnds(let index, let job): jobEnds(index, job)
        case .jobGivenUp(let index, let job): giveUp(index, job)
        case .outcomeKnown(let index, let job, let outcome): tell(index, job, outcome)
        case .programEnds(let index, let id, let run, let code, let outOfMemory):
            programEnds(index, id, run: run, code: code, outOfMemory: outOfMemory)
        case .streamOpens(let index, let life) where lives(index, life): streamOpens(index)
        case .inventoryEnds(let index, let life, let number) where lives(index, life):
            inventoryEnds(index, life, number)
        case .exitSeen(let index, let life, let id, let code, let outOfMemory) where lives(index, life):
            tell(index, .containerExited(id, code: code, outOfMemory: outOfMemory))
        default: break
        }
    }

    private func lives(_ index: Int, _ life: Int64) -> Bool { executors[index].life == life }

    func executorTimes(_ index: Int) -> Times {
        times(offset: executors[index].clockOffset, skew: executors[index].skew)
    }

    // MARK: life and death

    private mutating func startExecutor(_ index: Int) {
        guard executors[index].process == nil, !executors[index].isGone else { return }
        let (journal, incarnation) = executors[index].disk.open()
        executors[index].identity.incarnation = incarnation
        let offset = chances.disk.milliseconds(0...1_000_000)
        let executor = executors[index]
        note("e\(index).\(incarnation) starts with \(journal.count) records")
        if controller.process == nil || controller.isStoreAway { met(.executorStartsLeaderless) }
        if let since = executors[index].outSince, agenda.now - since > .seconds(12) { met(.zoneBackFromLoss) }
        executors[index].outSince = nil
        oracle.hears(index, at: agenda.now)
        oracle.disturbed(index, at: agenda.now)
        let agent = Agent(
            identity: executor.identity,
            description: executor.description,
            replaying: sabotaged(carried(journal, by: Wire.carry)),
            at: times(offset: offset, skew: executor.skew)
        )
        executors[index].process = SimulatedExecutor.Process(
            life: incarnation,
            clockOffset: offset,
            began: agenda.now,
            turn: AgentTurn(agent)
        )
        tell(index, .tick)
    }

    /// The process is stopped, as by SIGSTOP: its machine and its containers go on.
    mutating func stopExecutor(_ index: Int) {
        guard let process = executors[index].process, !process.isStopped else { return }
        let span = chances.mischief.milliseconds(500...40_000)
        met(.executorStopped)
        if span > .seconds(10) { met(.executorStoppedLong) }
        note("e\(index).\(process.life) is stopped")
        oracle.disturbed(index, at: agenda.now)
        executors[index].process?.isStopped = true
        agenda.add(.executorContinues(index, life: process.life), after: span)
    }

    private mutating func continueExecutor(_ index: Int) {
        guard executors[index].process?.isStopped == true, let delayed = executors[index].process?.delayed else {
            return
        }
        note("e\(index) goes on")
        oracle.disturbed(index, at: agenda.now)
        executors[index].process?.isStopped = false
        executors[index].process?.delayed = []
        for event in delayed { performAtExecutor(event) }
    }

    /// The process ends at once; it is started again after `pause`, or when that is drawn.
    mutating func crashExecutor(_ index: Int, _ fault: Fault, pause: Duration? = nil) {
        guard let life = executors[index].process?.life else { return }
        met(fault)
        note("e\(index).\(life) crashes: \(fault)")
        if let write = executors[index].disk.pending {
            let kept = drawKept(of: write)
            countCrash(amid: write, keeping: kept)
            executors[index].disk.abandon(keeping: kept)
        }
        oracle.crashed(executors[index])
        oracle.disturbed(index, at: agenda.now)
        executors[index].process = nil
        orphanJobs(of: index, life: life)
        let drawn = plan.isRandom ? chances.disk.milliseconds(200...20_000) : .seconds(1)
        agenda.add(.executorStarts(index), after: pause ?? drawn)
    }

    /// How much of a write a crash leaves: of an append any prefix, a rewrite is whole or not.
    private mutating func drawKept(of write: SimulatedDisk.Write) -> Int {
        switch write {
        case .append(let records): chances.disk.number(in: 0...records.count)
        case .replace(let records): chances.disk.hits(500) ? records.count : 0
        }
    }

    private mutating func countCrash(amid write: SimulatedDisk.Write, keeping kept: Int) {
        let isWhole = kept == write.count
        if !isWhole { met(.writeLost) }
        if kept > 0, !isWhole { met(.writeTorn) }
        switch write {
        case .append: if !isWhole { met(kept > 0 ? .appendTorn : .appendLost, write) }
        case .replace: if kept == 0 { met(.rewriteLost, write) }
        }
    }

    // MARK: the agent

    mutating func tell(_ index: Int, _ event: AgentEvent) {
        let times = executorTimes(index)
        guard let actions = executors[index].process?.turn.take(event, at: times) else { return }
        act(index, actions)
    }

    private mutating func act(_ index: Int, _ actions: [AgentAction]) {
        guard let life = executors[index].life else { return }
        for action in actions {
            if chances.disk.hits(profile.crashPoint / 4) {
                crashExecutor(index, .executorCrashAmidActions)
                return
            }
            perform(index, action)
            guard lives(index, life) else { return }
        }
        followInstances(of: index)
        oracle.remembers(executors[index].process?.turn.agent.fence, executor: index)
        sabotageLeaderless(index)
        scheduleTick(index)
    }

    private mutating func scheduleTick(_ index: Int) {
        guard let deadline = executors[index].wantedTick(), let life = executors[index].life else { return }
        let offset = executors[index].clockOffset
        // From the process' own clock to the world's.
        agenda.add(.agentTicks(index, life: life), at: Moment.zero + (deadline - (Moment.zero + offset)))
    }

    private mutating func perform(_ index: Int, _ action: AgentAction) {
        switch action {
        case .record(let records): write(index, .append(records))
        case .rewrite(let records): write(index, .replace(records))
        case .perform(let id, let attempt, let job): begin(index, job, for: .init(instance: id, attempt: attempt))
        case .cancel(let id, let attempt): cancel(index, .init(instance: id, attempt: attempt))
        case .answer(let reply, let answer): self.answer(index, reply, answer)
        case .report(let report, let number): send(index, report, number)
        case .takeInventory(let number):
            guard let life = executors[index].process?.life else { return }
            agenda.add(
                .inventoryEnds(index, life: life, number: number),
                after: chances.containers.milliseconds(2...60)
            )
        case .note(let text):
            note("e\(index): \(text.words)")
            guard case .startedAgain(let id, _, _) = text else { return }
            met(.restartedInPlace)
            oracle.startsAgain(id, on: index)
        }
    }

    // MARK: the journal

    private mutating func write(_ index: Int, _ write: SimulatedDisk.Write) {
        guard let life = executors[index].process?.life else { return }
        if case .append(let records) = write { oracle.writes(records, index) }
        executors[index].disk.begin(sabotaged(write, on: index))
        let span = chances.disk.milliseconds(1...10)
        agenda.add(.journalWritten(index, life: life), after: span)
        // Where more than one record can be lost it is tried more often.
        let kinds = Set(write.records.map(\.hitKind))
        // A container is nearly always written down alone.
        let isRare = kinds.contains(.forgotten) || kinds.contains(.container) && write.records.count > 1
        let weight = isRare ? 60 : write.records.count > 1 ? 6 : 2
        if chances.disk.hits(profile.crashPoint * weight) {
            agenda.add(.executorFalls(index, life: life), after: span / 2)
        }
    }

    private mutating func journalWritten(_ index: Int) {
        guard let write = executors[index].disk.pending else { return }
        let times = executorTimes(index)
        let actions: [AgentAction]?
        if executors[index].isDiskBad || chances.disk.hits(profile.writeFailure) {
            let isAppend = if case .append = write { true } else { false }
            met(isAppend ? .writeFailed : .rewriteFailed)
            met(isAppend ? .appendFailed : .rewriteFailed, write)
            note("e\(index) cannot write its journal")
            executors[index].process?.isJournalBroken = true
            executors[index].disk.abandon(keeping: chances.disk.number(in: 0...write.count))
            actions = executors[index].process?.turn.recordFailed(reason: "no space left on device", at: times)
        } else {
            executors[index].process?.isJournalBroken = false
            executors[index].disk.finish()
            actions = executors[index].process?.turn.recorded(at: times)
        }
        act(index, actions ?? [])
    }

    // MARK: messages

    private mutating func send(_ index: Int, _ report: NodeReport, _ number: Int) {
        guard let life = executors[index].process?.life else { return }
        let call = ReportCall(executor: index, life: life, number: number)
        executors[index].process?.report = number
        let isClockOff = report.troubles.contains { $0.channel == .clock }
        if isClockOff, executors[index].process?.isClockOff == false { met(.executorClockSuspends) }
        executors[index].process?.isClockOff = isClockOff
        oracle.reports(report, index, executors[index].disk)
        let isNews = !report.instances.isEmpty || report.description != nil
        var report = report
        report.load = executors[index].load
        let carried = sabotaged(carried(report, isNews: isNews, by: Wire.carry))
        transmit(.reportArrives(call, carried), on: Link(executor: index, isUp: true))
        agenda.add(.reportFails(call), after: World.callTimeout)
    }

    private mutating func endReport(_ call: ReportCall) -> Bool {
        guard executors[call.executor].reports(with: call) else { return false }
        executors[call.executor].process?.report = nil
        return true
    }

    private mutating func take(_ command: NodeCommand, from call: CommandCall) {
        guard let lastReply = executors[call.executor].process?.lastReply else {
            agenda.add(.commandFails(call, reason: "connection refused"), after: .milliseconds(1))
            return
        }
        let reply = lastReply + 1
        executors[call.executor].process?.lastReply = reply
        executors[call.executor].process?.callers[reply] = call
        executors[call.executor].process?.commands[reply] = command
        if oracle.arrives(command, at: call.executor, executors[call.executor].disk.fence) { met(.oldCommandArrives) }
        tell(call.executor, .command(sabotaged(command, to: call.executor), reply: reply))
    }

    private mutating func answer(_ index: Int, _ reply: Int64, _ answer: CommandAnswer?) {
        guard let call = executors[index].process?.callers.removeValue(forKey: reply) else {
            oracle.violated("e\(index) answers a command twice")
            return
        }
        let command = executors[index].process?.commands.removeValue(forKey: reply)
        let link = Link(executor: index, isUp: true)
        guard let answer else {
            note("e\(index) cannot answer a command")
            return transmit(.commandFails(call, reason: "its journal cannot be written"), on: link)
        }
        note("e\(index) answers \(answer.words)")
        if let command, case .accepted = answer, let durable = executors[index].disk.fence, durable >= command.fence {
            oracle.acknowledged(command, by: executors[index])
        }
        let carried = carried(answer, by: Wire.carry)
        transmit(.commandAnswered(call, carried), on: link)
    }
}

extension CommandAnswer {
    var words: String {
        switch self {
        case .accepted(let report?): "accepted, \(report.id.short) is \(report.state.rawValue)"
        case .accepted(nil): "accepted, never had it"
        case .refused(let refusal, let reason): "refused: \(refusal.rawValue), \(reason)"
        }
    }
}

extension AgentNote {
    var words: String {
        switch self {
        case .damaged(let id, _, let reason): "container \(id) is damaged: \(reason)"
        case .adopted(let instance, let id): "adopts \(instance.short) in \(id)"
        case .duplicate(let instance, let id): "\(id) is a second container of \(instance.short)"
        case .leftover(let instance, let id): "\(id) is left over from \(instance.short)"
        case .startedAgain(let instance, let count, let reason): "starts \(instance.short) again (\(count)): \(reason)"
        case .journalUnwritable(let reason): "journal unwritable: \(reason)"
        case .journalWritable: "journal writable"
        case .inventoryFailed(let reason): "inventory failed: \(reason)"
        case .reportRefused(let reason): "report refused: \(reason)"
        }
    }
}
