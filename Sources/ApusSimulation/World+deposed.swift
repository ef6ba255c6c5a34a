import ApusAgent
import ApusEngine
import ApusModel

/// A leader that hung while another took its place, and believes still to lead when it comes to itself.
extension World {
    /// The leader hangs for so long that another one is elected.
    mutating func deposeController() {
        guard let process = controller.process, controller.deposed == nil, !controller.isPaused else { return }
        note("controller \(process.life) hangs and is replaced")
        endCommit()
        controller.deposed = SimulatedController.Deposed(process: process)
        controller.process = nil
        replaceController()
        agenda.add(.deposedWakes(life: process.life), after: chances.mischief.milliseconds(500...60_000))
    }

    /// What it had decided leaves now; then it goes on for a while: it sends, answers, and tries to commit.
    mutating func wakeDeposed() {
        guard let old = controller.deposed?.process else { return }
        guard old.turn.engine.state.epoch < controller.store.epoch else {
            // While nobody has been elected it leads.
            return agenda.add(.deposedWakes(life: old.life), after: .seconds(2))
        }
        met(.oldLeaderWoken)
        note("the old leader comes to itself")
        controller.deposed?.isAwake = true
        agenda.add(.deposedLeaves(life: old.life), after: chances.mischief.milliseconds(200...20_000))
        for index in executors.indices {
            let outbox = old.outboxes[index]
            for command in [outbox.underWay?.command].compactMap({ $0 }) + outbox.waiting {
                sendFromDeposed(command, to: index)
            }
        }
        if old.turn.pending != nil { commitOfDeposed() }
        tickDeposed()
    }

    mutating func tickDeposed() {
        guard let old = controller.deposed?.process else { return }
        deposedTakes(.tick)
        agenda.add(.deposedTicks(life: old.life), after: World.controllerTick)
    }

    /// An executor asks it in place of the leader.
    mutating func takeAsDeposed(_ report: NodeReport, from call: ReportCall) {
        controller.lastRequest += 1
        controller.deposed?.process.callers[controller.lastRequest] = call
        note("e\(call.executor).\(call.life) reports to the old leader")
        deposedTakes(.report(controller.lastRequest, report))
    }

    private mutating func deposedTakes(_ input: Input) {
        guard let old = controller.deposed?.process else { return }
        let times = times(offset: old.clockOffset, skew: controller.skew)
        leaveDeposed(controller.deposed?.process.turn.take(input, at: times) ?? [])
        guard controller.deposed?.process.turn.pending == nil else { return }
        switch controller.deposed?.process.turn.close(at: times) {
        case .commit?: agenda.add(.deposedCommits(life: old.life), after: chances.controller.milliseconds(1...15))
        case .release(let effects)?: leaveDeposed(effects)
        case nil: break
        }
    }

    /// What it decides without a commit leaves; nobody waits for its answers to requests any more.
    private mutating func leaveDeposed(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .send(let executor, let command):
                guard let index = executors.firstIndex(where: { $0.identity.id == executor }) else { continue }
                sendFromDeposed(command, to: index)
            case .reply(let request, var answer):
                answer.wall = controllerTimes.wall
                guard let call = controller.deposed?.process.callers.removeValue(forKey: request) else { continue }
                met(.oldLeaderAnswers)
                let carried = carried(answer, by: Wire.carry)
                transmit(.replyArrives(call, carried), on: Link(executor: call.executor, isUp: false))
            case .answer, .raiseEpoch, .note, .probe, .askStandbys, .handOver: break
            }
        }
    }

    /// It never lands, however often it is tried.
    mutating func commitOfDeposed() {
        guard let old = controller.deposed?.process, var batch = old.turn.pending else { return }
        met(.oldLeaderFenced)
        met(.fenced, batch)
        note("the old leader's commit is refused")
        if plan.sabotage == .storeFenceIgnored { batch.epoch = controller.store.epoch }
        if controller.store.apply(batch) { oracle.violated("the store takes a batch of an old leader") }
        agenda.add(.deposedCommits(life: old.life), after: .milliseconds(200))
    }

    private mutating func sendFromDeposed(_ command: NodeCommand, to index: Int) {
        met(.oldLeaderSends)
        note("the old leader sends e\(index) \(command.words)")
        let call = CommandCall(executor: index, life: controller.deposed?.process.life ?? 0, number: 0)
        transmit(.commandArrives(call, carried(command, by: Wire.carry)), on: Link(executor: index, isUp: false))
    }
}
