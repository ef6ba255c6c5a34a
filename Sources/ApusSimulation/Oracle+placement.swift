import ApusEngine
import ApusModel
import HashTreeCollections

/// What must hold of a place when an instance is first sent there.
extension Oracle {
    /// A leader that has listened for so long knows who is there.
    private static let certain = Duration.seconds(15)

    /// The leader heard nothing for a while, or has just begun.
    mutating func listens(from now: Moment) { listeningSince = now }

    /// `state` is what was decided with this START.
    mutating func checkPlace(
        of spec: InstanceSpec,
        on executor: ExecutorID,
        _ state: ClusterState,
        at now: Moment
    ) {
        guard let member = state.members[executor] else {
            return violated("\(spec.id) starts on \(executor), which is no member")
        }
        if member.presence != .present { violated("\(spec.id) starts on \(executor), which is \(member.presence)") }
        if member.duty.isLeaving { violated("\(spec.id) starts on \(executor), which is \(member.duty.rawValue)") }
        if case .localService = spec.owner {
            // They come first.
        } else if !member.isReady {
            violated("\(spec.id) starts on \(executor), which waits for its local services")
        }
        if let trouble = member.troubles.first {
            violated("\(spec.id) starts on \(executor), which says: \(trouble.text)")
        }
        if reached[executor]?.contains(member.incarnation) != true {
            violated("\(spec.id) starts on \(executor), whose port this leader has not reached")
        }
        if let last = heardAt[member.key], now - max(last, listeningSince) > Self.certain {
            violated("\(spec.id) starts on \(executor), which was not heard for long")
        }
        let group = spec.owner.placementGroup(name: nil)
        // Of those that are placed with it each is looked at in its turn.
        let others = member.instances.count { id in
            guard let instance = state.instances[id], wasThere(instance, before: spec.id) else { return false }
            return instance.owner.placementGroup(name: nil) == group
        }
        checkSpread(of: spec, on: member, state)
        checkLoad(of: spec, on: member, state)
        let policy = spec.workload.placementPolicy
        guard !policy.permits(member, with: others) else { return }
        violated("\(spec.id) starts on \(executor), where its policy \(policy.typeName) does not permit it")
    }
}

extension Oracle {
    /// Of those that are placed in one turn each looks only at the ones whose STARTs left before its own.
    func wasThere(_ instance: Instance, before id: InstanceID) -> Bool {
        guard instance.id != id else { return false }
        return instance.progress == .confirmed || startsSent.contains(instance.id)
    }
}

extension PlacementPolicy {
    /// Whether one more may go there, where so many others of its group are.
    func permits(_ member: Member, with others: Int) -> Bool {
        holds(member, with: others) && (choosesTags || member.tags.isEmpty)
    }

    private func holds(_ member: Member, with others: Int) -> Bool {
        switch self {
        case .any, .local, .spread: true
        case .ruleBased: member.description.metadata["rack"] != Terrain.barredRack
        case .onePerHost: others == 0
        case .maxPerHost(let limit): others < limit
        case .matchTag(let tag): member.tags.contains(tag) || member.hostname == tag
        case .noTag: member.tags.isEmpty
        case .composite(let policies, .and): policies.allSatisfy { $0.holds(member, with: others) }
        case .composite(let policies, .or): policies.contains { $0.holds(member, with: others) }
        }
    }

    /// Any other stays away from machines with tags (contract §3.5).
    private var choosesTags: Bool {
        switch self {
        case .matchTag, .ruleBased, .local: true
        case .composite(let policies, _): policies.contains(where: \.choosesTags)
        default: false
        }
    }
}

extension Member {
    /// The hostname is none.
    fileprivate var tags: [String] { description.tags.filter { $0 != hostname } }
}
