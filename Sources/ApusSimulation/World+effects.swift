import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// What leaves the controller: answers, replies, commands in one outbox an executor.
extension World {
    mutating func release(_ effects: [Effect]) {
        guard let life = controller.process?.life else { return }
        for effect in effects {
            if effects.count > 1, crashes(at: .controllerCrashAmidRelease) { return }
            release(effect)
            guard controller.process?.life == life else { return }
        }
    }

    private mutating func release(_ effect: Effect) {
        switch effect {
        case .answer(let request, let outcome):
            note("answers request \(request): \(outcome.word)")
            oracle.answered(request, outcome, store: controller.store)
        case .reply(let request, var answer):
            answer.wall = controllerTimes.wall
            guard let call = controller.process?.callers.removeValue(forKey: request) else { return }
            let carried = carried(answer, isNews: !answer.settled.isEmpty, by: Wire.carry)
            transmit(.replyArrives(call, carried), on: Link(executor: call.executor, isUp: false))
        case .send(let executor, let command):
            guard let index = executors.firstIndex(where: { $0.identity.id == executor }) else { return }
            guard !isWithheld(command) else { return }
            post(sabotagedPlace(of: command), to: index)
            sabotageSending(command, to: index)
        case .raiseEpoch(let met): raiseEpoch(above: met)
        case .probe(let probe): send(probe)
        case .askStandbys: askStandbys()
        case .handOver: handOver()
        case .note(let text): note("controller: \(text)")
        }
    }

    mutating func post(_ command: NodeCommand, to index: Int) {
        note("sends e\(index) \(command.words)")
        countReplacement(command)
        if let state = controller.process?.turn.committed {
            oracle.checkVictim(of: command, state, executors, at: agenda.now)
            oracle.leaves(command, state, store: controller.store, decided: controller.process?.decided ?? agenda.now)
        }
        // What is sent again takes the place of what still waits, as the controller's own outboxes have it.
        controller.process?.outboxes[index].waiting.removeAll { $0.instance == command.instance }
        controller.process?.outboxes[index].waiting.append(command)
        pump(index)
    }

    private mutating func countReplacement(_ command: NodeCommand) {
        guard case .stop(let id, .replaced) = command.order, let state = controller.process?.turn.committed,
            let app = state.instances[id]?.app, let operation = state.applications[app]?.operation
        else { return }
        met(operation.order == .startFirst ? .replacedStartFirst : .replacedStopFirst)
    }

    /// One command at a time to each executor, in order.
    private mutating func pump(_ index: Int) {
        guard let life = controller.process?.life, let outbox = controller.process?.outboxes[index],
            outbox.underWay == nil, let command = outbox.waiting.first
        else { return }
        let number = outbox.calls + 1
        let call = CommandCall(executor: index, life: life, number: number)
        controller.process?.outboxes[index].waiting.removeFirst()
        controller.process?.outboxes[index].calls = number
        controller.process?.outboxes[index].underWay = (call, command)
        let carried = carried(command, by: Wire.carry)
        transmit(.commandArrives(call, carried), on: Link(executor: index, isUp: false))
        agenda.add(.commandFails(call, reason: "no answer"), after: World.callTimeout)
    }

    /// The command of the call, once; the next one goes.
    mutating func endCall(_ call: CommandCall) -> NodeCommand? {
        guard controller.process?.life == call.life,
            let underWay = controller.process?.outboxes[call.executor].underWay, underWay.call == call
        else { return nil }
        controller.process?.outboxes[call.executor].underWay = nil
        pump(call.executor)
        return underWay.command
    }
}

extension InstanceID {
    /// Enough of it to tell instances apart in a trace.
    var short: String { String(rawValue.prefix(11)) }
}

extension CommandOutcome {
    var word: String {
        switch self {
        case .accepted, .cluster: "accepted"
        case .refused(let texts): "refused (\(texts.joined(separator: "; ")))"
        case .unavailable: "unavailable"
        }
    }
}

extension NodeCommand {
    var words: String {
        switch order {
        case .start(let spec):
            "\(fence.epoch).\(fence.sequence) START \(spec.id.short) \(spec.allocation.numaNode):\(spec.allocation.cores)"
        case .stop(let id, let reason): "\(fence.epoch).\(fence.sequence) STOP \(id.short) \(reason.rawValue)"
        }
    }
}
