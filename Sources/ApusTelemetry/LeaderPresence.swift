package import ApusModel
import Synchronization

/// For how long, and how often, there was no leader that can commit, as one process sees it.
package final class LeaderPresence: Sendable {
    private struct State {
        var answered: Moment
        /// All absences that are over.
        var absent = Duration.zero
        var times: Int64 = 0
    }

    private let patience: Duration
    private let state: Mutex<State>

    /// A leader that does not show itself for `patience` is absent from then on.
    package init(patience: Duration, from now: Moment) {
        self.patience = patience
        state = Mutex(State(answered: now))
    }

    /// A leader that can commit has just shown itself.
    package func answered(at now: Moment) {
        state.withLock { state in
            let excess = now - state.answered - patience
            if excess > .zero {
                state.absent += excess
                state.times += 1
            }
            state.answered = max(state.answered, now)
        }
    }

    /// How long it has not shown itself.
    package func silence(at now: Moment) -> Duration { now - state.withLock(\.answered) }

    /// How long it was absent so far, and how often; an absence that lasts counts.
    package func absence(at now: Moment) -> (span: Duration, times: Int64) {
        state.withLock { state in
            let excess = now - state.answered - patience
            return excess > .zero ? (state.absent + excess, state.times + 1) : (state.absent, state.times)
        }
    }

    /// As `{name}.leader.absent.seconds` and `.times`.
    package func samples(_ name: String, at now: Moment) -> [Sample] {
        let (span, times) = absence(at: now)
        return [
            Sample(Series("\(name).leader.absent.seconds"), .counter(span.components.seconds)),
            Sample(Series("\(name).leader.absent.times"), .counter(times)),
        ]
    }
}
