import ApusModel
import OrderedCollections

/// Whether there is a leader that decides.
enum Leadership: Hashable, Sendable {
    /// The agent has just begun and no leader has answered yet, or the last report was not taken by one that can
    /// commit. That is no proof that there is none: what ended by itself waits (UNKNOWN), for at most `patience`, and
    /// nothing is stopped for a failing check meanwhile.
    case unproven
    /// A leader that can commit answered less than `patience` ago.
    case present
    /// None has for `patience`: the executor stops nothing on its own, and what ends by itself is started again in place.
    case absent

    static let patience = Duration.seconds(10)
}

extension Agent {
    /// When the leader will count as gone if it stays silent; `nil` when it does already.
    var leaderlessAt: Moment? {
        leadership == .absent ? nil : (lastAnsweredByCommittingLeader ?? begun) + Leadership.patience
    }

    /// Takes note of the leader's coming and going; every instance is told.
    mutating func watchLeadership(_ out: inout Outbox) {
        let limit = (lastAnsweredByCommittingLeader ?? begun) + Leadership.patience
        let seen: Leadership =
            if limit <= out.now {
                .absent
            } else if lastAnsweredByCommittingLeader == nil || reports.isUnheard {
                .unproven
            } else {
                .present
            }
        guard seen != leadership else { return }
        leadership = seen
        out.leadership = seen
        for id in machines.keys { update(id, &out) { $0.leadershipChanged(&$1) } }
    }
}
