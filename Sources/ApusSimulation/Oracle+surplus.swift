import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// Which of an application's instances may be stopped because there are too many.
extension Oracle {
    /// So long known, every leader knows it.
    private static let long = Duration.seconds(30)

    /// A STOP leaves; `state` is what was decided with it.
    mutating func checkVictim(
        of command: NodeCommand,
        _ state: ClusterState,
        _ executors: [SimulatedExecutor],
        at now: Moment
    ) {
        guard case .stop(let id, let reason) = command.order, reason == .surplus || reason == .scaledDown,
            !stopsSent.contains(id), let victim = state.instances[id], let app = victim.app,
            let application = state.applications[app]
        else { return }
        let targets = Set(application.operation?.targets ?? [])
        let others = state.instances(of: app).filter { $0.isAlive && $0.id != id }
        checkStaying(id, others, application)
        guard !targets.contains(id), state.members[victim.executor]?.presence == .present,
            wellness.isWell(id, for: Self.long, at: now), serves(id, executors)
        else { return }
        let worse = others.first { !targets.contains($0.id) && !wellness.wasEverWell($0.id) && fails($0.id, executors) }
        guard let worse else { return }
        violated("\(id) of \(app) serves and is stopped as \(reason.rawValue), while \(worse.id) stays, which does not")
    }

    /// What STOP_INSTANCES names is stopped as requested; of the rest as many stay as are expected.
    private mutating func checkStaying(_ id: InstanceID, _ others: [Instance], _ application: Application) {
        guard let operation = application.operation, operation.kind == .stopInstances else { return }
        let targets = Set(operation.targets)
        let staying = others.count { !targets.contains($0.id) }
        guard !targets.contains(id), staying < application.expected else { return }
        violated("\(id) of \(application.id) is stopped as surplus in place of the instances that were named")
    }

    private func serves(_ id: InstanceID, _ executors: [SimulatedExecutor]) -> Bool {
        container(of: id, executors).map { $0.isRunning && !$0.isSick && !$0.isFlapping } ?? false
    }

    private func fails(_ id: InstanceID, _ executors: [SimulatedExecutor]) -> Bool {
        guard let container = container(of: id, executors) else { return false }
        switch container.state {
        case .exited: return true
        case .created, .running, .other: return container.isSick
        }
    }

    private func container(of id: InstanceID, _ executors: [SimulatedExecutor]) -> SimulatedContainers.Container? {
        executors.lazy.compactMap { $0.containers.container(of: id) }.first
    }
}
