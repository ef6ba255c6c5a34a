import ApusEngine
import ApusModel

/// A leader that hung while another took its place, and does not know it yet when it comes to itself.
extension World {
    /// The leader hangs for so long that another one is elected.
    mutating func deposeController() {
        guard let life = controller.process?.life, controller.deposed == nil, !controller.isPaused else { return }
        note("controller \(life) hangs and is replaced")
        endCommit()
        controller.deposed = controller.process
        controller.process = nil
        replaceController()
        agenda.add(.deposedWakes(life: life), after: chances.mischief.milliseconds(500...60_000))
    }

    /// What it had decided leaves now; then it goes on until it learns that it leads no more.
    mutating func wakeDeposed() {
        faults.count(.oldLeaderWoken)
        note("the old leader comes to itself")
        for index in executors.indices {
            guard let outbox = controller.deposed?.outboxes[index] else { continue }
            for command in [outbox.underWay?.command].compactMap({ $0 }) + outbox.waiting {
                sendFromDeposed(command, to: index)
            }
        }
        tickDeposed()
    }

    mutating func tickDeposed() {
        guard let old = controller.deposed else { return }
        if let batch = old.turn.pending { return commitOfDeposed(batch) }
        let times = times(offset: old.clockOffset, skew: controller.skew)
        _ = controller.deposed?.turn.take(.tick, at: times)
        switch controller.deposed?.turn.close(at: times) {
        case .commit(let batch)?: commitOfDeposed(batch)
        case .release(let effects)?:
            for case .send(let executor, let command) in effects {
                guard let index = executors.firstIndex(where: { $0.identity.id == executor }) else { continue }
                sendFromDeposed(command, to: index)
            }
            if chances.mischief.hits(800) {
                agenda.add(.deposedTicks(life: old.life), after: World.controllerTick)
            } else {
                controller.deposed = nil
            }
        case nil: break
        }
    }

    private mutating func commitOfDeposed(_ batch: Batch) {
        controller.deposed = nil
        // While nobody has been elected, nothing tells it.
        guard batch.epoch < controller.store.epoch else { return }
        faults.count(.oldLeaderFenced)
        note("the old leader's commit is refused")
        var batch = batch
        if plan.sabotage == .storeFenceIgnored { batch.epoch = controller.store.epoch }
        guard controller.store.apply(batch) else { return }
        oracle.violated("the store takes a batch of an old leader")
    }

    private mutating func sendFromDeposed(_ command: NodeCommand, to index: Int) {
        faults.count(.oldLeaderSends)
        note("the old leader sends e\(index) \(command.words)")
        let call = CommandCall(executor: index, life: controller.deposed?.life ?? 0, number: 0)
        transmit(.commandArrives(call, carried(command, by: Wire.carry)), on: Link(executor: index, isUp: false))
    }
}
