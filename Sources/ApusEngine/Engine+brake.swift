package import ApusModel
import HashTreeCollections

/// The brake on mass loss: when many fall silent together it is rather the network than the machines, so they are given
/// up later than one alone would be.
extension Engine {
    /// A loss that is held is none of a few machines, nor of a small part of the members.
    private static let fewestTogether = 3
    private static let partOfMembers = 5

    /// Until when a member that is silent long enough to be given up is not, because many others fell silent with it;
    /// once only of each loss.
    mutating func heldLoss(of id: ExecutorID, at times: Times) -> Moment? {
        guard settings.massLossHold > .zero, let member = state.members[id] else { return nil }
        if member.lossHold == nil { holdMassLoss(around: member, at: times) }
        guard let hold = state.members[id]?.lossHold, listening(times.now) < hold.due else { return nil }
        return hold.due
    }

    /// Those count that fell silent within the time in which one loss is found; never those that were lost before.
    private mutating func holdMassLoss(around member: Member, at times: Times) {
        let together = silent.sorted().compactMap { state.members[$0] }.filter { other in
            let apart = other.heard - member.heard
            return max(apart, .zero - apart) <= settings.lostAfter
        }
        guard together.count >= Self.fewestTogether, isMany(together, around: member) else { return }
        let isFirst = !together.contains { $0.lossHold != nil }
        let (due, until) = (settings.lostAfter + settings.massLossHold, settings.massLossHold.milliseconds)
        for other in together where other.lossHold == nil {
            state.members[other.id]?.lossHold = LossHold(
                due: other.heard + due,
                until: WallTime(milliseconds: times.wall.milliseconds + until)
            )
            noted.members.insert(other.id)
        }
        guard isFirst else { return }
        effects.append(
            .note(
                "\(together.count) executors fell silent together: none of them is given up for "
                    + "\(settings.massLossHold.components.seconds) seconds more"
            )
        )
    }

    private func isMany(_ together: [Member], around member: Member) -> Bool {
        let members = state.members.values.filter { !$0.isLost }
        if together.count * Self.partOfMembers > members.count { return true }
        guard let zone = member.description.zone else { return false }
        let inZone = members.count { $0.description.zone == zone }
        return inZone >= Self.fewestTogether && together.count { $0.description.zone == zone } == inZone
    }
}

/// Until when a member is not given up, though it is silent for so long.
package struct LossHold: Hashable, Sendable {
    /// On the engine's listening clock.
    var due: Moment
    /// The same for people.
    package var until: WallTime
}

extension ClusterState {
    /// The members whose loss is held, by id.
    package var heldLosses: [Member] {
        members.values.filter { $0.lossHold != nil }.sorted { $0.id < $1.id }
    }
}
