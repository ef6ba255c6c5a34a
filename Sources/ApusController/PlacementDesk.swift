package import ApusEngine
package import ApusPlacement
import Synchronization

/// Answers what would be placed where, on ledgers of its own.
///
/// One question at a time: a ledger of the whole cluster costs memory and a moment, and the leader needs the rest. Few
/// wait: each holds a snapshot.
package actor PlacementDesk {
    /// Questions that may be under way, all but one of them waiting.
    package static let mostQuestions = 16

    /// So many are under way already.
    package struct Busy: Error {}

    private nonisolated let count = Mutex(0)

    package init() {}

    package nonisolated var questions: Int { count.withLock(\.self) }

    /// The ledger is made from the snapshot and forgotten after the question.
    package nonisolated func ask<Answer: Sendable>(
        _ state: ClusterState,
        _ question: @Sendable (inout Ledger) -> Answer
    ) async throws(Busy) -> Answer {
        let isTaken = count.withLock { count in
            guard count < Self.mostQuestions else { return false }
            count += 1
            return true
        }
        guard isTaken else { throw Busy() }
        defer { count.withLock { $0 -= 1 } }
        return await answer(state, question)
    }

    private func answer<Answer: Sendable>(
        _ state: ClusterState,
        _ question: @Sendable (inout Ledger) -> Answer
    ) -> Answer {
        var ledger = state.ledger()
        return question(&ledger)
    }
}
