package import ApusModel
import HashTreeCollections

/// After an import what the store holds is old: nothing is stopped on its word, nothing of it is sent again.
extension Engine {
    /// Nobody has confirmed yet that the imported state is to hold.
    var isRestored: Bool { state.facts.restoration?.isConfirmed == false }

    /// Its START may have been carried out, and its end forgotten, after the import's state was taken.
    func isOfBeforeRestoration(_ instance: Instance) -> Bool {
        state.facts.restoration.map { instance.epoch < $0.epoch } ?? false
    }

    mutating func confirmRestoration(at times: Times) -> CommandOutcome {
        guard isRestored else { return .refused(["The cluster is not restored from an export"]) }
        let stops = state.stopsAfterRestoration
        state.facts.restoration?.isConfirmed = true
        touched.insert(ClusterFacts.key)
        _ = confirmStops(at: times)
        effects.append(.note("the restored state is confirmed: what it does not know is stopped from now on"))
        dirty.formUnion(state.applications.keys.map(Owner.application))
        dirty.formUnion(state.localServices.keys.map(Owner.localService))
        return .cluster(.restored(stops))
    }
}

/// What the end of RESTORED stops.
package struct StopsAfterRestoration: Hashable, Sendable {
    /// What belongs to nothing that the restored state knows.
    package var unknown: [HeldStop]
    /// Of each application that has more instances than it expects, how many more.
    package var surplus: [Surplus]

    package struct Surplus: Hashable, Sendable {
        package var app: AppID
        package var instances: Int
    }
}

extension ClusterState {
    package var stopsAfterRestoration: StopsAfterRestoration {
        let surplus = applications.values.sorted { $0.id < $1.id }.compactMap { application in
            let more = instances(of: application.id).count(where: \.isAlive) - application.expected
            return more > 0 ? StopsAfterRestoration.Surplus(app: application.id, instances: more) : nil
        }
        return StopsAfterRestoration(unknown: heldStops, surplus: surplus)
    }
}
