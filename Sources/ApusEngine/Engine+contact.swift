import ApusModel
import HashTreeCollections

/// Members are heard, and reached: the leader looks at their ports, so that who joins is verified both ways, and so that
/// of one that is not heard it is known whether its port is reached all the same.
extension Engine {
    private static let paceOfJoining = Duration.milliseconds(500)

    /// As it is before anything was tried.
    var freshContact: Contact { Contact(isVerified: settings.probing == nil) }

    /// A run of a process that was not reached yet is to be looked at now.
    mutating func renewContact(with member: inout Member, at now: Moment) {
        member.contact = freshContact
        lookSoon(at: &member, now)
    }

    /// Something shows that it is worth a look.
    mutating func lookSoon(at member: inout Member, _ now: Moment) {
        member.contact.due = now
        wake(.contact(member.id), at: now)
    }

    /// It is time to look at a member's port.
    mutating func look(at id: ExecutorID, at now: Moment) {
        guard settings.probing != nil, let member = state.members[id], !member.isLost,
            let due = member.contact.due
        else { return }
        // An earlier alarm may have kept a later one from being set.
        guard due <= now else { return wake(.contact(id), at: due) }
        effects.append(.probe(Probe(of: member)))
        // Should nothing come of it.
        lookAgain(at: id, now + settings.lostAfter)
    }

    private mutating func lookAgain(at id: ExecutorID, _ due: Moment) {
        state.members[id]?.contact.due = due
        wake(.contact(id), at: due)
    }

    /// What came of a look; one at a run or an address that is over says nothing.
    mutating func apply(_ outcome: ProbeOutcome, of probe: Probe, at now: Moment) {
        guard var member = state.members[probe.executor], Probe(of: member) == probe else { return }
        let before = Shown(member)
        if let reason = fault(in: outcome, of: member) {
            missed(&member, reason, at: now)
        } else {
            member.contact.succeeded()
            if outcome.incarnation == member.incarnation { member.contact.isVerified = true }
            forgetOldFailures(of: &member, at: now)
        }
        state.members[member.id] = member
        if !member.isLost { lookAgain(at: member.id, now + pace(for: member)) }
        let after = Shown(member)
        guard after != before else { return }
        if after.controlTrouble != before.controlTrouble {
            let text = after.controlTrouble ?? "its port is reached again"
            effects.append(.note("executor \(member.id) (\(member.hostname)): \(text)"))
        }
        noted.members.insert(member.id)
        updateAdmission(of: member.id)
        wakeWaiting()
    }

    /// Why this is not the member; `nil` if it is.
    private func fault(in outcome: ProbeOutcome, of member: Member) -> String? {
        switch outcome {
        case .failed(let reason): return reason
        case .answered(let cluster, let executor, let incarnation):
            let place = "\(member.hostname):\(member.port)"
            guard cluster == state.cluster, executor == member.id else {
                return "\(place) answers as executor \(executor) of cluster \(cluster)"
            }
            // A later one is about to report; with an earlier one there are two, and commands would reach the other.
            guard incarnation < member.incarnation else { return nil }
            return "\(place) answers as its run \(incarnation), and its run \(member.incarnation) reports"
        }
    }

    private func missed(_ member: inout Member, _ reason: String, at now: Moment) {
        let since = if case .failing(let since, _) = member.contact.reach { since } else { now }
        member.contact.reach = .failing(since: since, last: now)
        guard !member.contact.isUnreached else { return }
        member.contact.reason = "its port is not reached: \(reason)".clipped(toBytes: Self.longestError)
        member.contact.isUnreached = member.contact.reach.failing >= settings.silentAfter
    }

    /// Commands failed long ago, and its port is reached now: the next command will tell.
    private func forgetOldFailures(of member: inout Member, at now: Moment) {
        guard case .failing(_, let last) = member.reach, now - last > settings.lostAfter else { return }
        member.reach = .reached
        member.unreachable = nil
    }

    /// While something is amiss it is looked at more often, and one that joins soonest: its port may just be opening.
    private func pace(for member: Member) -> Duration {
        let contact = member.contact
        guard contact.isVerified || contact.reach.failing >= settings.silentAfter else { return Self.paceOfJoining }
        let isWell = contact.isVerified && contact.reach == .reached && member.reach == .reached && !member.isAbsent
        return isWell ? settings.probing ?? settings.lostAfter : settings.heartbeat
    }

    /// What a look may change of what shows.
    private struct Shown: Equatable {
        let isVerified: Bool
        let controlTrouble: String?
        let channels: [NodeChannel]

        init(_ member: Member) {
            isVerified = member.contact.isVerified
            controlTrouble = member.controlTrouble
            channels = member.failures.channels
        }
    }
}

extension ProbeOutcome {
    fileprivate var incarnation: Int64? {
        if case .answered(_, _, let incarnation) = self { incarnation } else { nil }
    }
}
