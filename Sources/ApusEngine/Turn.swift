package import ApusModel

/// The order *step, commit, release*, as a value: run by the controller over a real store, by the simulator over one
/// that fails.
///
/// Inputs are taken while a turn is open; `close` decides and gives what must be stored; only when all of it is stored
/// do the effects leave. At most one turn is in doubt: its batches are repeated unchanged until they are stored. Until
/// then soft input (reports) is still taken in, but nothing is decided and every change is refused with the reason.
package struct Turn: Sendable {
    package private(set) var engine: Engine
    /// What readers see: the state as it was last committed.
    package private(set) var committed: ClusterState
    /// What the turn that led to it may have changed.
    package private(set) var changes = Changes()
    private var phase = Phase.open

    private enum Phase {
        case open
        case committing(Pending)
    }

    private struct Pending {
        var batches: [Batch]
        var effects: [Effect]
        var snapshot: ClusterState
        var changes: Changes
    }

    package enum Step: Sendable {
        /// Nothing has to be stored: these may leave now.
        case release([Effect])
        /// To be stored; then call `stored`.
        case commit(Batch)
    }

    package init(engine: Engine) {
        self.engine = engine
        committed = self.engine.takeLoaded()
    }

    /// The batch whose outcome is awaited or in doubt.
    package var pending: Batch? {
        guard case .committing(let pending) = phase else { return nil }
        return pending.batches.first
    }

    /// More was touched than the last turn decided.
    package var hasWork: Bool { engine.hasWork }

    /// Takes an input.
    ///
    /// - Returns: what may leave at once: nothing while the turn is open, refusals and answers while a batch is pending.
    package mutating func take(_ input: Input, at times: Times) -> [Effect] {
        guard case .committing = phase else {
            engine.take(input, at: times)
            return []
        }
        switch input {
        case .command(let request, _):
            return [
                .answer(
                    request,
                    .unavailable(
                        "The store does not answer, so nothing can be decided. Nothing was changed; try again."
                    )
                )
            ]
        case .report(_, let report, _, _):
            return takeSoftly(input, base: report.base, at: times)
        case .answered, .sendFailed, .probed, .standbys, .keep, .tick:
            engine.take(input, at: times)
            return []
        }
    }

    /// A report while nothing can be committed: heard and applied, but nothing is acknowledged.
    private mutating func takeSoftly(_ input: Input, base: Int64, at times: Times) -> [Effect] {
        let earlier = engine.takeEffects()
        engine.take(input, at: times)
        var replies: [Effect] = []
        var later = earlier
        for effect in engine.takeEffects() {
            if case .reply(let request, var answer) = effect {
                answer.canCommit = false
                answer.settled = []
                answer.applied = min(answer.applied, base)
                replies.append(.reply(request, answer))
            } else {
                later.append(effect)
            }
        }
        engine.putBack(later)
        return replies
    }

    /// Decides what was touched; call only while no batch is pending.
    package mutating func close(at times: Times) -> Step {
        precondition(pending == nil, "a turn was closed while an earlier one is in doubt")
        engine.decide(at: times)
        let changes = engine.takeChanges()
        let batches = engine.takeBatches(at: times)
        let effects = engine.takeEffects()
        guard let first = batches.first else {
            (committed, self.changes) = (engine.state, changes)
            return .release(effects)
        }
        phase = .committing(Pending(batches: batches, effects: effects, snapshot: engine.state, changes: changes))
        return .commit(first)
    }

    /// The pending batch is stored.
    package mutating func stored() -> Step {
        guard case .committing(var pending) = phase else { return .release([]) }
        pending.batches.removeFirst()
        if let next = pending.batches.first {
            phase = .committing(pending)
            return .commit(next)
        }
        phase = .open
        (committed, changes) = (pending.snapshot, pending.changes)
        return .release(pending.effects)
    }
}
