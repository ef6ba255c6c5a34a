import ApusModel
import HashTreeCollections

/// Instances on executors that are to be free of them: each goes when a new one is healthy in its place, one at a time
/// of each application.
extension Engine {
    func isLeaving(_ instance: Instance) -> Bool { leaving.contains(instance.executor) }

    /// Those of an application that a new one has to replace first.
    ///
    /// What SUSPEND and DESTROY stop, or STOP_INSTANCES names, is not replaced. A replacement that stops first comes to
    /// its end before anything moves; one that starts first takes along what has to move.
    func givingWay(of application: Application, alive: [Instance]) -> [Instance] {
        let operation = isHeld(orderedAt: application.ordered) ? nil : application.operation
        let targets = Set(operation?.targets ?? [])
        switch operation?.kind {
        case .suspend, .destroy: return []
        case .replaceInstances where operation?.order == .stopFirst: return []
        case .replaceInstances: return alive.filter { targets.contains($0.id) || isMoving($0) }
        case .stopInstances: return alive.filter { !targets.contains($0.id) && isMoving($0) }
        case .create, .startInstances, .scale, .recover, .adjustInstances, .rollout, nil: return alive.filter(isMoving)
        }
    }

    /// Those that will go, whether something takes their place first or not.
    func going(of application: Application, live: [Instance]) -> [InstanceID] {
        let operation = isHeld(orderedAt: application.ordered) ? nil : application.operation
        let targets = Set(operation?.targets ?? [])
        return live.filter { !$0.isAlive || targets.contains($0.id) || isMoving($0) }.map(\.id)
            + goingForRollout(of: application)
    }

    private func isMoving(_ instance: Instance) -> Bool {
        !isInMaintenance && isLeaving(instance) && !isHeldDuty(of: instance)
    }

    private func isHeldDuty(of instance: Instance) -> Bool {
        isHeld(orderedAt: state.members[instance.executor]?.dutyOrdered ?? 0)
    }

    /// Of those, the ones whose places are filled: the new ones that are healthy must fill every place that the
    /// remaining ones leave, and one more for each that goes; so no fewer are healthy than are expected, and one whose
    /// replacement fails stays.
    func replaced(_ remaining: [Instance], of application: Application, live: [Instance]) -> [Instance] {
        let going = Set(remaining.map(\.id)).union(application.operation?.targets ?? [])
        let others = live.count { serves($0) && !going.contains($0.id) }
        let spare = others - (application.expected - remaining.count)
        return Array(inOrderOfStopping(remaining).prefix(max(0, spare)))
    }

    /// Stops what is on an executor that was suspended at once; what is missing then is started elsewhere.
    ///
    /// - Returns: `true` if there was any.
    mutating func stopAtOnce(_ live: [Instance], at times: Times) -> Bool {
        guard !leaving.isEmpty else { return false }
        let due = live.filter { $0.stop == nil && isSuspendedAtOnce($0) }
        for instance in due { stop(instance.id, .suspended, at: times.now) }
        return !due.isEmpty
    }

    func isSuspendedAtOnce(_ instance: Instance) -> Bool {
        !isInMaintenance && state.members[instance.executor]?.duty == .suspendedAtOnce && !isHeldDuty(of: instance)
    }
}
