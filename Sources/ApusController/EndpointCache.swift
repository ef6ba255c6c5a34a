import ApusEngine
import ApusModel
import HashTreeCollections
import Synchronization

/// Where each application's instances are reached, kept until something of them changes: gateways ask for all of it every
/// few seconds, and little of it is another.
final class EndpointCache: Sendable {
    private struct Entry {
        var epoch: Epoch
        var stamp: Int
        var hosts: JSON
    }

    private let entries = Mutex<[AppID: Entry]>([:])

    /// The hosts of those that have instances; `make` is asked where what is kept does not hold any more.
    ///
    /// What is kept of applications that are gone goes when all are asked for.
    func hosts(of apps: [AppID], in state: ClusterState, by make: (AppID) -> JSON) -> [AppID: JSON] {
        let kept = entries.withLock { $0 }
        var (hosts, fresh): ([AppID: JSON], [AppID: Entry]) = ([:], [:])
        hosts.reserveCapacity(apps.count)
        for app in apps {
            guard let stamp = state.stamp(of: app) else { continue }
            if let entry = kept[app], entry.stamp == stamp, entry.epoch == state.epoch {
                hosts[app] = entry.hosts
            } else {
                let made = make(app)
                hosts[app] = made
                fresh[app] = Entry(epoch: state.epoch, stamp: stamp, hosts: made)
            }
        }
        keep(fresh, in: state)
        return hosts
    }

    private func keep(_ fresh: [AppID: Entry], in state: ClusterState) {
        entries.withLock { entries in
            entries.merge(fresh) { $1 }
            if entries.count > state.applications.count {
                entries = entries.filter { state.applications[$0.key] != nil }
            }
        }
    }
}
