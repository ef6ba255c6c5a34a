import ApusModel
import HashTreeCollections

/// What an operation on named instances stops, and when.
extension Engine {
    /// How many instances may be alive now: a replacement that starts first has some more.
    func ceiling(of application: Application, alive: [Instance]) -> Int {
        let operation = isHeld(orderedAt: application.ordered) ? nil : application.operation
        let parallelism = operation?.kind == .replaceInstances ? operation?.parallelism ?? 1 : 1
        return application.expected + min(parallelism, givingWay(of: application, alive: alive).count)
    }

    /// Those that are to stay: what STOP_INSTANCES names goes in its own time, and no other in its place.
    func staying(of application: Application, alive: [Instance]) -> [Instance] {
        guard let operation = application.operation, operation.kind == .stopInstances else { return alive }
        let targets = Set(operation.targets)
        return alive.filter { !targets.contains($0.id) }
    }

    /// Stops those instances whose time has come: what the operation is about, and what has to move.
    mutating func stopTargets(of application: Application, live: [Instance], at times: Times) {
        let alive = live.filter(\.isAlive)
        let givingWay = givingWay(of: application, alive: alive)
        let operation = isHeld(orderedAt: application.ordered) ? nil : application.operation
        let targets = Set(operation?.targets ?? [])
        let named = alive.filter { targets.contains($0.id) }
        guard !givingWay.isEmpty || !named.isEmpty else { return }
        guard mayStop else {
            waiting.waitToStop(.application(application.id))
            return
        }
        // When they are heard again, they count again.
        for instance in live where instance.isHealthy && !serves(instance) {
            waiting.wait(.application(application.id), for: instance.executor)
        }
        for instance in replaced(givingWay, of: application, live: live) { stop(instance.id, .replaced, at: times.now) }
        guard let operation else { return }
        switch operation.kind {
        case .stopInstances:
            let ending = live.count { targets.contains($0.id) && !$0.isAlive }
            for instance in named.prefix(max(0, operation.parallelism - ending)) {
                stop(instance.id, .requested, at: times.now)
            }
        case .replaceInstances where operation.order == .stopFirst:
            for instance in makingWay(operation, application, named, live) {
                stop(instance.id, .replaced, at: times.now)
            }
        case .replaceInstances, .create, .startInstances, .scale, .suspend, .recover, .destroy, .adjustInstances,
            .rollout:
            return
        }
    }

    /// Stop first: at most `parallelism` fewer than expected are healthy.
    private func makingWay(
        _ operation: Operation,
        _ application: Application,
        _ remaining: [Instance],
        _ live: [Instance]
    ) -> [Instance] {
        var missing = application.expected - live.count(where: serves)
        var due: [Instance] = []
        for instance in inOrderOfStopping(remaining) {
            guard missing < operation.parallelism else { break }
            due.append(instance)
            if serves(instance) { missing += 1 }
        }
        return due
    }

    /// It is healthy as far as its executor is heard.
    func serves(_ instance: Instance) -> Bool {
        instance.isHealthy && state.members[instance.executor]?.presence == .present
    }
}
