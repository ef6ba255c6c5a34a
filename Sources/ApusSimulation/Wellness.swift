import ApusEngine
import ApusModel
import HashTreeCollections

/// What leaders were told of the health of instances, whichever leader it was.
struct Wellness: Sendable {
    private struct Known: Sendable {
        let since: Moment
        let restarts: Int
        let executor: ExecutorID
    }

    private var well: [InstanceID: Known] = [:]
    private var executors: Set<ExecutorID> = []
    /// Told to be healthy at some time.
    private var ever: Set<InstanceID> = []
    private var latest: [NodeKey: (incarnation: Int64, revision: Int64)] = [:]

    /// A report reached the leader; an old one changes nothing.
    mutating func heard(_ report: NodeReport, at now: Moment) {
        let (executor, incarnation) = (report.identity.id, report.identity.incarnation)
        if let last = latest[report.identity.key], (incarnation, report.revision) < last { return }
        latest[report.identity.key] = (incarnation, report.revision)
        executors.insert(executor)
        for instance in report.instances {
            let known = well[instance.id].flatMap { $0.restarts == instance.restarts ? $0 : nil }
            switch instance.state {
            case .healthy:
                well[instance.id] = known ?? Known(since: now, restarts: instance.restarts, executor: executor)
                ever.insert(instance.id)
            // It is being looked at again.
            case .unknown, .unready, .ready: well[instance.id] = known
            default: well[instance.id] = nil
            }
        }
    }

    /// What was on an executor that is given up, or retired, is gone; if it comes back after all, it begins anew.
    mutating func decided(_ state: ClusterState) {
        for executor in executors where state.members[executor]?.isLost ?? true {
            executors.remove(executor)
            well = well.filter { $0.value.executor != executor }
        }
    }

    /// Told to be healthy so long ago, and nothing else since.
    func isWell(_ id: InstanceID, for span: Duration, at now: Moment) -> Bool {
        well[id].map { now - $0.since >= span } ?? false
    }

    func wasEverWell(_ id: InstanceID) -> Bool { ever.contains(id) }
}
