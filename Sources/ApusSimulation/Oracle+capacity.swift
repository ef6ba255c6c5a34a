import ApusAgent
import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// Nothing stays below its floor while there is room: what is missing and could be started is started.
extension Oracle {
    /// The time that commands, back-off and a busy leader may take.
    private static let patience = Duration.seconds(60)

    /// Looked at every few seconds; `engine` is the leader's, `nil` while nobody can decide.
    mutating func audit(_ engine: Engine?, _ executors: [SimulatedExecutor], engineTime: Moment, at now: Moment) {
        guard let engine, engine.state.facts.mode == .normal else {
            shortSince = [:]
            return
        }
        let state = engine.state
        shortSince = shortSince.filter { state.applications[$0.key] != nil }
        for (app, application) in state.applications {
            guard isShort(application, state, engineTime), hasRoom(for: application, state, executors, at: now) else {
                shortSince[app] = nil
                continue
            }
            let since = shortSince[app] ?? now
            shortSince[app] = since
            guard now - since > Self.patience else { continue }
            violated("\(app) is below its floor of \(Self.floor(application, state)), and there is room")
        }
    }

    private func isShort(_ application: Application, _ state: ClusterState, _ engineTime: Moment) -> Bool {
        let live = state.instances(of: application.id)
        let isGathered = live.allSatisfy { instance in
            state.members[instance.executor].map { $0.incarnation > 0 || $0.isLost } ?? true
        }
        return isGathered && application.backoff.wait(at: engineTime) == nil
            && live.count(where: \.isAlive) < Self.floor(application, state)
    }

    /// So many are to be there whatever an operation changes.
    private static func floor(_ application: Application, _ state: ClusterState) -> Int {
        if let handover = SimulatedHandover(with: application, state), handover.gaining.id == application.id {
            let others = max(handover.losing.expected, state.instances(of: handover.losing.id).count(where: \.isAlive))
            return min(handover.total, handover.before) - others
        }
        return switch application.operation?.kind {
        case .create, .startInstances, .scale: min(application.operation?.before ?? 0, application.expected)
        default: application.expected
        }
    }

    /// One executor that can serve has room, whatever of the containers there may soon be gone.
    private func hasRoom(
        for application: Application,
        _ state: ClusterState,
        _ executors: [SimulatedExecutor],
        at now: Moment
    ) -> Bool {
        let resources = application.spec.resources
        return executors.contains { host in
            guard let member = state.members[host.identity.id], member.key == host.identity.key,
                member.presence == .present, state.localServices.isEmpty || member.admission == .open,
                !member.duty.isLeaving, let process = host.process, !process.isStopped,
                process.turn.agent.troubles.isEmpty, now - (unreachedAt[member.id] ?? .zero) > .seconds(20)
            else { return false }
            let others = member.instances.count { state.instances[$0]?.app == application.id }
            let there = host.containers.all.values.count { $0.labels?.owner == .application(application.id) }
            guard (application.spec.placementPolicy ?? .any).permits(member, with: max(others, there)) else {
                return false
            }
            let held =
                member.instances.compactMap { state.instances[$0]?.allocation }
                + host.containers.all.values.compactMap { $0.labels?.allocation }
            return host.description.topology.nodes.contains { node in
                let taken = Set(held.filter { $0.numaNode == node.id }.flatMap(\.cores))
                let free = host.description.topology.slots(of: node).count { !taken.contains($0) }
                let memory = held.filter { $0.numaNode == node.id }.reduce(0) { $0 + $1.memoryMB }
                return free >= resources.cores && node.memoryMB - memory >= resources.memoryMB
            }
        }
    }

    /// A command did not reach that executor.
    mutating func unreached(_ executor: ExecutorID, at now: Moment) { unreachedAt[executor] = now }
}
