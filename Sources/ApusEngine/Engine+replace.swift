import ApusModel
import HashTreeCollections

/// What an operation on named instances stops, and when.
extension Engine {
    /// How many instances may be alive now: a replacement that starts first has some more.
    func ceiling(of application: Application, alive: [Instance]) -> Int {
        guard let operation = application.operation, operation.kind == .replaceInstances,
            operation.order == .startFirst
        else { return application.expected }
        let targets = Set(operation.targets)
        return application.expected + min(operation.parallelism, alive.count { targets.contains($0.id) })
    }

    /// Those that are to stay: what STOP_INSTANCES names goes in its own time, and no other in its place.
    func staying(of application: Application, alive: [Instance]) -> [Instance] {
        guard let operation = application.operation, operation.kind == .stopInstances else { return alive }
        let targets = Set(operation.targets)
        return alive.filter { !targets.contains($0.id) }
    }

    /// Stops those of the operation's instances whose time has come.
    mutating func stopTargets(of application: Application, live: [Instance], at times: Times) {
        guard let operation = application.operation, !operation.targets.isEmpty else { return }
        let targets = Set(operation.targets)
        let remaining = live.filter { $0.isAlive && targets.contains($0.id) }
        guard !remaining.isEmpty else { return }
        guard mayStop else {
            waiting.waitToStop(.application(application.id))
            return
        }
        let due: [Instance]
        let reason: StopReason
        switch operation.kind {
        case .stopInstances:
            let ending = live.count { targets.contains($0.id) && !$0.isAlive }
            due = Array(remaining.prefix(max(0, operation.parallelism - ending)))
            reason = .requested
        case .replaceInstances:
            due =
                operation.order == .startFirst
                ? replaced(operation, application, remaining, live) : makingWay(operation, application, remaining, live)
            reason = .replaced
        case .create, .startInstances, .scale, .suspend, .recover, .destroy: return
        }
        for instance in due { stop(instance.id, reason, at: times.now) }
    }

    /// Start first: the new ones that are healthy must fill every place that the remaining ones leave, and one more for
    /// each that goes; so no fewer are healthy than are expected, and one whose replacement fails stays.
    private func replaced(
        _ operation: Operation,
        _ application: Application,
        _ remaining: [Instance],
        _ live: [Instance]
    ) -> [Instance] {
        let targets = Set(operation.targets)
        let others = live.count { $0.isHealthy && !targets.contains($0.id) }
        let spare = others - (application.expected - remaining.count)
        return Array(inOrderOfStopping(remaining).prefix(max(0, spare)))
    }

    /// Stop first: at most `parallelism` fewer than expected are healthy.
    private func makingWay(
        _ operation: Operation,
        _ application: Application,
        _ remaining: [Instance],
        _ live: [Instance]
    ) -> [Instance] {
        var missing = application.expected - live.count(where: \.isHealthy)
        var due: [Instance] = []
        for instance in inOrderOfStopping(remaining) {
            guard missing < operation.parallelism else { break }
            due.append(instance)
            if instance.isHealthy { missing += 1 }
        }
        return due
    }
}
