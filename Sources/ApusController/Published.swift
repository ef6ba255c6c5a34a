import ApusEngine
import ApusModel
import ApusStore
import Synchronization

/// The last committed state, as every reader sees it.
final class Published: Sendable {
    /// What this controller leads, and under which term.
    struct Lead: Sendable {
        let state: ClusterState
        let term: Term
    }

    private let time: TimeSource
    private let committed = Mutex<Lead?>(nil)

    init(time: TimeSource) { self.time = time }

    /// `nil` while this controller does not lead.
    var lead: Lead? {
        guard let lead = committed.withLock(\.self), lead.term.isValid(at: time().now) else { return nil }
        return lead
    }

    /// `nil` while this controller does not lead.
    var state: ClusterState? { lead?.state }

    func publish(_ state: ClusterState, under term: Term) {
        let lead = Lead(state: state, term: term)
        committed.withLock { $0 = lead }
    }

    /// This controller leads no more.
    func withdraw() { committed.withLock { $0 = nil } }
}
