package import ApusModel
import ApusPlacement

extension Explanation.Hindrance {
    /// For people: why, and what comes next.
    package var text: String {
        switch self {
        case .maintenance: "the cluster is in maintenance mode: nothing is started until that ends"
        case .unheard(let hosts):
            "this leader waits to hear from \(hosts.joined(separator: ", ")), which may have some of them"
        case .lossHeld(let hosts, _, let wait):
            "silent, and not given up for \(wait.components.seconds + 1) s more because many fell silent together: "
                + hosts.joined(separator: ", ")
        case .backoff(let wait, let failures, let reason):
            "\(failures) failed soon after the start, the next try is in \(wait.components.seconds + 1) s: \(reason)"
        case .operation(let kind, let parallelism): "\(kind.rawValue) is under way, at most \(parallelism) at a time"
        case .rollout(let rollout, let parallelism):
            "ROLLOUT from \(rollout.from) to \(rollout.to) is under way, at most \(parallelism) at a time"
                + (rollout.failure.map { "; it is taken back: \($0)" } ?? "")
        case .unhealthy(1): "1 is there and not healthy yet"
        case .unhealthy(let count): "\(count) are there and not healthy yet"
        case .noRoom: "no executor takes one more"
        }
    }

    /// For programs.
    package var code: String {
        switch self {
        case .maintenance: "MAINTENANCE"
        case .unheard: "EXECUTORS_UNHEARD"
        case .lossHeld: "LOSS_HELD"
        case .backoff: "BACKOFF"
        case .operation, .rollout: "OPERATION"
        case .unhealthy: "NOT_HEALTHY_YET"
        case .noRoom: "NO_ROOM"
        }
    }

    /// When it ends, if that is known as a time of day.
    package var until: WallTime? {
        if case .lossHeld(_, let until, _) = self { until } else { nil }
    }
}

extension Explanation.Obstacle: CustomStringConvertible {
    /// For people; reads well after a count of executors.
    package var description: String {
        switch self {
        case .refusal(let reason): reason.description
        case .failing(let how): how.clipped(toBytes: 200)
        case .unhealthy: "not healthy yet"
        case .due: "with room, not started yet"
        }
    }
}
