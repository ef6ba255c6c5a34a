import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// What must hold of the places over which instances are spread.
extension Oracle {
    /// With this START no place has too many more than the one with the fewest that could take it.
    mutating func checkSpread(of spec: InstanceSpec, on member: Member, _ state: ClusterState) {
        // Where a local service has just become healthy an executor opens after this was placed.
        guard case .application(let app) = spec.owner, let spread = Self.hardSpread(of: spec, state),
            state.localServices.isEmpty
        else { return }
        var counts: [String: Int] = [:]
        for instance in state.instances(of: app)
        where wasThere(instance, before: spec.id) && instance.isAlive && !Self.isGoing(instance, state) {
            guard let place = state.members[instance.executor]?.place(spread.axis) else { continue }
            counts[place, default: 0] += 1
        }
        guard let place = member.place(spread.axis) else {
            return violated("\(spec.id) is spread, and starts on \(member.id), which is at no place")
        }
        let policy = spec.workload.placementPolicy
        let eligible = state.members.values.filter { $0.admission == .open && policy.permits($0, with: 0) }
        let fewest = Set(eligible.compactMap { $0.place(spread.axis) }).map { counts[$0] ?? 0 }.min() ?? 0
        let here = (counts[place] ?? 0) + 1
        guard here - fewest > spread.maxSkew else { return }
        let open = eligible.map { "\($0.id) at \($0.place(spread.axis) ?? "none")" }.sorted()
        violated(
            "\(spec.id) is the \(here). of \(app) at \(place), and another place has \(fewest): \(counts), \(open)"
        )
    }
}

extension Oracle {
    /// Its own, or the cluster's if it says nothing of any.
    static func hardSpread(of spec: InstanceSpec, _ state: ClusterState) -> SpreadPolicy? {
        let policy = spec.workload.placementPolicy
        guard !policy.saysHowToSpread else { return policy.hardSpread }
        return state.facts.spread.flatMap { $0.enforcement == .hard ? $0 : nil }
    }
}

extension PlacementPolicy {
    fileprivate var saysHowToSpread: Bool {
        switch self {
        case .spread, .local: true
        case .composite(let policies, _): policies.contains(where: \.saysHowToSpread)
        default: false
        }
    }

    /// The spread that must hold, if there is one.
    var hardSpread: SpreadPolicy? {
        switch self {
        case .spread(let spread): spread.enforcement == .hard ? spread : nil
        case .composite(let policies, .and): policies.lazy.compactMap(\.hardSpread).first
        default: nil
        }
    }

    /// Not every machine may take one more, though it has room.
    var isTight: Bool { mostPerHost != nil || hardSpread != nil }
}

extension Member {
    fileprivate func place(_ axis: SpreadPolicy.Axis) -> String? {
        switch axis {
        case .zone: description.zone
        case .host: hostname
        case .metadata(let key): description.metadata[key]
        }
    }
}

extension Oracle {
    /// It is named by an operation, or has to move: in maintenance nothing does, nor on the word of before a restore.
    private static func isGoing(_ instance: Instance, _ state: ClusterState) -> Bool {
        let heldBelow = state.facts.restoration.map { $0.isConfirmed ? 0 : $0.epoch } ?? 0
        if let application = instance.app.flatMap({ state.applications[$0] }), application.ordered >= heldBelow,
            application.operation?.targets.contains(instance.id) == true
        {
            return true
        }
        guard let member = state.members[instance.executor], state.facts.mode == .normal else { return false }
        return member.duty.isLeaving && member.dutyOrdered >= heldBelow
    }
}
