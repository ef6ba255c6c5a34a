package import ApusModel
package import ApusPlacement

/// What is worth counting: it says that something happened, not what is to be done about it.
package enum Happening: Hashable, Sendable {
    /// Why an instance failed that nobody had asked to end.
    package enum Failure: Hashable, Sendable {
        case exited
        case outOfMemory
        case pullFailed
        case startFailed
        case readinessFailed(CheckFault)
        case healthFailed(CheckFault)
        /// Its executor would not take it, or no longer has it.
        case refused
        case executorLost
    }

    case taskEnded(TaskEnd.Result)
    /// One of an application or a local service, so that another takes its place.
    case instanceFailed(Failure)
    /// Its executor started it again where it was, since no leader could decide.
    case restartedInPlace
    /// No executor took an instance, and at least one for this reason; it is tried again when that may have changed.
    case placementRefused(RefusalKind)
    /// An executor's report was not heard; each counts.
    case reportRefused(Refused.Kind)
}

/// How often what happened since this leader began; a bounded number of numbers.
package struct Tally: Hashable, Sendable {
    package private(set) var counts: [Happening: Int64] = [:]

    package init() {}

    mutating func count(_ happening: Happening, _ times: Int = 1) {
        counts[happening, default: 0] &+= Int64(times)
    }

    mutating func count(_ refusal: Refusal) {
        let kinds = Set(refusal.counts.map(\.reason.kind))
        for kind in kinds.isEmpty ? [.noExecutor] : kinds { count(.placementRefused(kind)) }
    }

    /// What has happened since then.
    package func since(_ earlier: Tally) -> [Happening: Int64] {
        counts.filter { $0.value != earlier.counts[$0.key] }.reduce(into: [:]) { news, entry in
            news[entry.key] = entry.value &- (earlier.counts[entry.key] ?? 0)
        }
    }
}

extension Happening.Failure {
    init(_ cause: EndCause?) {
        self =
            switch cause {
            case .exited(_, outOfMemory: true): .outOfMemory
            case .exited: .exited
            case .pullFailed: .pullFailed
            case .startFailed: .startFailed
            case .readinessFailed(let fault): .readinessFailed(fault)
            case .healthFailed(let fault): .healthFailed(fault)
            case .executorLost: .executorLost
            case .refused, .stopped, .unplaceable, nil: .refused
            }
    }
}
