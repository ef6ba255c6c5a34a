package import ApusModel
import HashTreeCollections

/// An executor whose report is not heard, and why.
package struct Refused: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case wrongCluster = "WRONG_CLUSTER"
        /// Another machine, or another state directory, under the id of one that is there.
        case otherKey = "OTHER_KEY"
        /// The key of another member that is there: its state directory was copied.
        case copiedKey = "COPIED_KEY"
        /// An earlier run than was heard: its state directory is an old one.
        case olderState = "OLDER_STATE"
        /// An earlier run than was heard, and the later one goes on as well: machine or state directory was copied.
        case runsTwice = "RUNS_TWICE"
        case retired = "RETIRED"
        /// Only those of a list may join, and it is not on it.
        case notListed = "NOT_LISTED"
    }

    /// What is told of once in a while.
    struct Key: Hashable {
        let executor: ExecutorID
        let kind: Kind
    }

    package let kind: Kind
    package let identity: NodeIdentity
    /// For the executor's log and the audit log: why, and what to do.
    package let reason: String
    /// The address that its report came from; `nil` if that is not known.
    package var source: String?

    var key: Key { Key(executor: identity.id, kind: kind) }
}

/// Who may be heard as whom.
extension Engine {
    /// Of one executor nothing is told again sooner.
    private static let refusalsAreToldEvery = Duration.seconds(3_600)
    /// Of so many at a time.
    private static let mostRefusals = 1_024

    /// Why this executor is not heard; `nil` if it is, or may join.
    func refusal(of identity: NodeIdentity, isListed: Bool) -> Refused? {
        guard identity.cluster == state.cluster else {
            let text =
                "\(identity.place) belongs to cluster \(identity.cluster), this is \(state.cluster): name the controllers "
                + "of its own, or give it another state directory to join this one"
            return Refused(kind: .wrongCluster, identity: identity, reason: text)
        }
        guard let known = state.members[identity.id] else { return refusal(ofJoining: identity, isListed: isListed) }
        guard isOther(identity, than: known) else {
            // While it was given up another one may have joined with a copy of its state directory.
            return known.isLost ? refusal(ofCopied: identity) : nil
        }
        return known.isLost
            ? refusal(ofJoining: identity, isListed: isListed) : refusal(of: identity, beside: known)
    }

    /// Of another one than the member that is there.
    private func refusal(of identity: NodeIdentity, beside known: Member) -> Refused? {
        guard known.key == identity.key else {
            let text =
                "\(identity.place) is another machine than the member \(known.hostname):\(known.port), or has another state "
                + "directory (its key differs): it is taken once that one is given up"
            return Refused(kind: .otherKey, identity: identity, reason: text)
        }
        // While its later run is heard this is a report that came late.
        guard known.isAbsent else { return nil }
        let text =
            "\(identity.place) has an older state directory than it had (this is its run \(identity.incarnation), "
            + "\(known.incarnation) was heard): put the newer one back, or wait until the member is given up"
        return Refused(kind: .olderState, identity: identity, reason: text)
    }

    /// Of an earlier run of a member that is there: a report that came late, at first; but where it goes on beside the
    /// later run there are two of it.
    mutating func lateness(of identity: NodeIdentity, than member: Member, at now: Moment) -> Refused? {
        var earlier = member.earlierRun ?? EarlierRun(since: now, last: now)
        if now - earlier.last >= settings.lostAfter { earlier.since = now }
        earlier.last = now
        state.members[member.id]?.earlierRun = earlier
        guard now - earlier.since >= settings.lostAfter else { return nil }
        let text =
            "\(identity.place) runs twice: its run \(identity.incarnation) goes on beside its run \(member.incarnation), which "
            + "alone is heard. Its machine or its state directory was copied: end one of the two, give it a state directory "
            + "and a host name or port of its own, and start it again"
        return Refused(kind: .runsTwice, identity: identity, reason: text)
    }

    /// Of one that would be a new member.
    private func refusal(ofJoining identity: NodeIdentity, isListed: Bool) -> Refused? {
        guard isListed else {
            let text =
                "\(identity.place) is not on the list of those that may join: add \(identity.hostname) or "
                + "\(identity.hostname):\(identity.port) to the file of the controllers' --admission"
            return Refused(kind: .notListed, identity: identity, reason: text)
        }
        return refusal(ofCopied: identity)
    }

    /// Of one whose key is that of a member by another name.
    private func refusal(ofCopied identity: NodeIdentity) -> Refused? {
        let owner = state.members.values.first { member in
            member.key == identity.key && member.id != identity.id && !member.isLost
        }
        guard let owner else { return nil }
        let text =
            "\(identity.place) has the key of the member \(owner.hostname):\(owner.port). If its state directory was copied "
            + "from there, give it one of its own; if it is that machine by another name, it is taken once the member is "
            + "given up"
        return Refused(kind: .copiedKey, identity: identity, reason: text)
    }

    /// It is not the process that was heard, nor a later one: another state directory, or an old one.
    func isOther(_ identity: NodeIdentity, than member: Member) -> Bool {
        identity.key != member.key || identity.incarnation < member.incarnation
    }

    /// Tells of it, at most once in a while of each executor.
    mutating func tell(_ refused: Refused, from source: String?, at now: Moment) {
        tally.count(.reportRefused(refused.kind))
        if let told = refusals[refused.key], now - told < Self.refusalsAreToldEvery { return }
        if refusals.count >= Self.mostRefusals {
            refusals = refusals.filter { now - $0.value < Self.refusalsAreToldEvery }
        }
        guard refusals.count < Self.mostRefusals else { return }
        refusals[refused.key] = now
        var refused = refused
        refused.source = source
        noted.refused.append(refused)
        effects.append(.note("refused: \(refused.reason)"))
    }
}

/// Since when an earlier run of a member reports without a longer pause, and when it did last.
struct EarlierRun: Hashable, Sendable {
    var since: Moment
    var last: Moment
}

extension NodeIdentity {
    fileprivate var place: String { "executor \(id) at \(hostname):\(port)" }
}
