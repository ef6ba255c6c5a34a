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
        /// When it was that.
        let at: Moment
    }

    private let time: TimeSource
    private let committed = Mutex<Lead?>(nil)

    init(time: TimeSource) { self.time = time }

    /// `nil` while this controller does not lead.
    var lead: Lead? {
        guard let last, last.term.isValid(at: time().now) else { return nil }
        return last
    }

    /// `nil` while this controller does not lead.
    var state: ClusterState? { lead?.state }

    /// The same, and until it is withdrawn also when its term is over.
    var last: Lead? { committed.withLock(\.self) }

    /// For how long this controller leads unless the store acknowledges something; `nil` if it does not, or for ever.
    var leaseLeft: Duration? {
        guard let lead, lead.term.leaseEnd != Lease.unending.end else { return nil }
        return lead.term.leaseEnd - time().now
    }

    /// Nothing once the term is over: what was true at its end grows older from then on.
    func publish(_ state: ClusterState, under term: Term) {
        let lead = Lead(state: state, term: term, at: time().now)
        guard term.isValid(at: lead.at) else { return }
        committed.withLock { $0 = lead }
    }

    /// This controller leads no more.
    func withdraw() { committed.withLock { $0 = nil } }
}
