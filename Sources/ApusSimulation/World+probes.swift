import ApusEngine
import ApusModel

/// One look at an executor's port, and whose it is.
struct ProbeCall: Hashable, Sendable {
    var executor: Int
    /// Of the controller.
    var life: Int64
    var number: Int
}

/// The leader looks whether executors' ports are reached.
extension World {
    mutating func send(_ probe: Probe) {
        guard let process = controller.process,
            let index = executors.firstIndex(where: { $0.identity.id == probe.executor })
        else { return }
        let call = ProbeCall(executor: index, life: process.life, number: process.probes + 1)
        controller.process?.probes = call.number
        controller.process?.probing[call] = probe
        transmit(.probeArrives(call), on: Link(executor: index, isUp: false))
        agenda.add(.probeFails(call, reason: "no answer"), after: World.callTimeout)
    }

    /// Whoever listens there says who it is.
    mutating func answer(_ call: ProbeCall) {
        guard executors[call.executor].life != nil else {
            agenda.add(.probeFails(call, reason: "connection refused"), after: .milliseconds(1))
            return
        }
        let identity = executors[call.executor].identity
        let outcome = ProbeOutcome.answered(identity.cluster, identity.id, incarnation: identity.incarnation)
        transmit(.probeAnswered(call, outcome), on: Link(executor: call.executor, isUp: true))
    }

    mutating func end(_ call: ProbeCall, _ outcome: ProbeOutcome) {
        guard controller.process?.life == call.life,
            let probe = controller.process?.probing.removeValue(forKey: call)
        else { return }
        let outcome = sabotaged(outcome, of: executors[call.executor].identity)
        oracle.looked(at: probe, outcome, at: agenda.now)
        controllerTakes(.probed(probe, outcome))
    }

    private func sabotaged(_ outcome: ProbeOutcome, of identity: NodeIdentity) -> ProbeOutcome {
        guard plan.sabotage == .probesForged else { return outcome }
        return .answered(identity.cluster, identity.id, incarnation: identity.incarnation)
    }
}
