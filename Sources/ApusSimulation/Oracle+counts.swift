import ApusEngine
import ApusModel
import HashTreeCollections

/// What the state keeps of each application's instances is what a walk over all of them finds.
extension Oracle {
    static func miscount(in state: ClusterState) -> String? {
        var found: [AppID: [Instance]] = [:]
        for instance in state.instances.values {
            if let app = instance.app { found[app, default: []].append(instance) }
        }
        for app in Set(state.applications.keys).union(found.keys).sorted() {
            let instances = found[app] ?? []
            let alive = instances.count(where: \.isAlive)
            guard state.aliveInstances(of: app) == alive else {
                return "\(app) has \(alive) instances alive, and \(state.aliveInstances(of: app)) are counted"
            }
            guard state.instances(of: app).map(\.id) == instances.sorted(by: isOlder).map(\.id) else {
                return "\(app) is not listed with all of its instances, oldest first"
            }
        }
        return nil
    }

    private static func isOlder(_ left: Instance, _ right: Instance) -> Bool {
        (left.created, left.id) < (right.created, right.id)
    }
}
