import ApusEngine
import ApusPlacement

/// Answers what would be placed where, on ledgers of its own.
///
/// One question at a time: a ledger of the whole cluster costs memory and a moment, and the leader needs the rest.
actor PlacementDesk {
    /// The ledger is made from the snapshot and forgotten after the question.
    func ask<Answer: Sendable>(_ state: ClusterState, _ question: @Sendable (inout Ledger) -> Answer) -> Answer {
        var ledger = state.ledger()
        return question(&ledger)
    }
}
