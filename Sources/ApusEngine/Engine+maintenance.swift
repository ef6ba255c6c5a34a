import ApusModel
import HashTreeCollections

/// Maintenance: the cluster is left as it is while people work on it (contract §0.4).
///
/// Operations that were accepted before go on to their ends. Nothing else is started or stopped, nobody is given up and
/// no task forgotten; what was put off is decided when maintenance ends.
extension Engine {
    var isInMaintenance: Bool { state.facts.mode == .maintenance }

    mutating func set(_ mode: ClusterFacts.Mode, at times: Times) -> ClusterFacts {
        guard mode != state.facts.mode else { return state.facts }
        state.facts.mode = mode
        state.facts.changed = times.wall
        touched.insert(ClusterFacts.key)
        switch mode {
        case .maintenance: effects.append(.note("the cluster is in maintenance: nothing is repaired until it ends"))
        case .normal:
            effects.append(.note("maintenance has ended"))
            // Whoever is silent has from now on the time that any member has to be heard again.
            let now = listening(times.now)
            dirty.formUnion(state.applications.keys.map(Owner.application))
            dirty.formUnion(state.tasks.keys.map(Owner.task))
            dirty.formUnion(state.localServices.keys.map(Owner.localService))
            // What standbys reached while people worked says nothing of what they reach when it ends.
            if outlook == .settled { outlook = .clear }
            let silent = state.members.keys.filter { state.members[$0]?.presence == .silent }
            for id in silent {
                state.members[id]?.heard = now
                wake(.member(id), at: soonest(now + settings.lostAfter))
            }
        }
        return state.facts
    }
}

extension Command {
    /// Refused while the cluster is in maintenance.
    var waitsForMaintenance: Bool {
        switch self {
        case .application, .task, .localService: true
        case .cancel, .forget, .cluster, .cancelService: false
        }
    }
}
