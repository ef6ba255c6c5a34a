import ApusEngine
import ApusModel
import HashTreeCollections

/// Clients move what they want of one application to another behind the same virtual host.
extension World {
    /// There is to be room for all of the new one beside all of the old: a rollout may end anywhere between.
    mutating func drawRollout(to spec: ApplicationSpec, most: Int, _ opSpec: ClusterOpSpec) -> Command? {
        let others = specs.filter { $0.id != spec.id && $0.exposureSpec == spec.exposureSpec }
        guard most > 0, let from = chances.requests.pick(others)?.id else { return nil }
        let size: RolloutSize
        switch chances.requests.number(in: 0...3) {
        case 0: size = .asBefore
        case 1: size = drawShare(of: most, least: 1).map { .share($0) } ?? .asBefore
        default: size = .count(chances.requests.number(in: 1...most))
        }
        return .application(.rollout(spec.id, from: from, size, opSpec))
    }

    /// One that is to go when others are healthy goes as the first of them starts.
    mutating func sabotageRollout(to app: AppID, with command: NodeCommand) {
        guard let state = controller.process?.turn.committed,
            let from = state.applications[app]?.operation?.rollout?.from,
            let victim = state.instances(of: from).first(where: \.isHealthy),
            let place = executors.firstIndex(where: { $0.identity.id == victim.executor })
        else { return }
        var stop = command
        stop.executor = victim.executor
        stop.key = executors[place].identity.key
        stop.order = .stop(victim.id, .scaledDown)
        post(stop, to: place)
    }
}

extension Batch {
    /// Drops the record of what a rollout moves from, begun or ended, where that of what it moves to stands beside it.
    mutating func partRollouts() {
        let dropped = writes.compactMap { write -> RecordKey? in
            guard case .put(let key, let bytes) = write, key.kind == .application, let record = JSON(reading: bytes),
                let from = (record["operation"]?["rollout"] ?? record["lastOperation"])?["from"]?.text
            else { return nil }
            return from == key.id ? nil : RecordKey(.application, from)
        }
        writes.removeAll { dropped.contains($0.key) }
    }
}
