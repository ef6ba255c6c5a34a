import ApusEngine
import ApusModel
import ApusPlacement

extension Application {
    /// Drove's AppSummary, and after its keys those of Apus; `operation` is what it takes part in.
    func summary(in state: ClusterState, operation: Operation?, at now: Moment) -> JSON {
        let expected = Int64(expected)
        return .members([
            "id": id.json, "name": .string(spec.name), "requiredInstances": .integer(expected),
            "healthyInstances": .integer(Int64(state.healthyInstances(of: id))),
            "totalCPUs": .integer(Int64(spec.resources.cores) * expected),
            "totalMemory": .integer(spec.resources.memoryMB * expected),
            "tags": .strings(spec.tags), "state": .string(self.state.rawValue), "created": created.json,
            "updated": updated.json,
            "runningInstances": .integer(Int64(state.runningInstances(of: id))),
            "operation": operation?.summary(at: now), "lastOperation": lastOperation?.summary,
            "backoff": backoff.summary(at: now), "shortfall": shortfall.map { .string($0.text) },
            "share": share?.json,
        ])
    }
}

extension Operation {
    func summary(at now: Moment) -> JSON {
        .members([
            "id": id.json, "type": .string(kind.rawValue), "accepted": accepted.json, "timeout": timeout.json,
            "parallelism": .integer(Int64(parallelism)), "failureStrategy": .string(failureStrategy.rawValue),
            "instanceIds": targets.listed, "spentMs": .integer((spent + (now - resumed)).milliseconds),
            "from": rollout?.from.json, "to": rollout?.to.json, "rollingBack": rollout?.failure.map { .string($0) },
        ])
    }
}

extension EndedOperation {
    var summary: JSON {
        .members([
            "id": id.json, "type": .string(kind.rawValue), "accepted": accepted.json, "ended": ended.json,
            "outcome": .string(outcome.rawValue), "reason": .string(reason),
            "instanceIds": targets.listed, "from": from?.json, "to": to?.json,
        ])
    }
}

extension [InstanceID] {
    /// `nil` of none: only some operations are about named instances.
    fileprivate var listed: JSON? { isEmpty ? nil : .array(map(\.json)) }
}

extension Backoff {
    /// `nil` when nothing failed lately.
    fileprivate func summary(at now: Moment) -> JSON? {
        guard failures > 0 || !reason.isEmpty else { return nil }
        return .members([
            "failures": .integer(Int64(failures)), "waitMs": .integer(wait(at: now)?.milliseconds ?? 0),
            "reason": .string(reason),
        ])
    }
}
