package import ApusModel
package import ApusPlacement
import HashTreeCollections

/// Why there are no more instances of an application, or why a task does not run: for people and in numbers.
package struct Explanation: Sendable {
    /// One thing that keeps what is missing from being there.
    package enum Hindrance: Hashable, Sendable {
        /// Nothing is repaired while the cluster is in maintenance.
        case maintenance
        /// These executors may have some, and have not spoken to this leader yet.
        case unheard([String])
        /// What failed soon after its start is held back.
        case backoff(wait: Duration, failures: Int, reason: String)
        /// An operation works on it, so many at a time.
        case operation(Operation.Kind, parallelism: Int)
        /// Not all that is there is healthy yet.
        case unhealthy(Int)
        /// No executor takes one more.
        case noRoom
    }

    /// What every executor says to one more instance.
    package struct Placement: Sendable {
        /// By executor; `nil`: it fits.
        package var answers: [ExecutorID: RefusalReason?]
        /// The cheapest single change that would make it fit; `nil` if it fits, or no single one would do.
        package var suggestion: Suggestion?

        init(_ request: PlacementRequest, in ledger: Ledger) {
            answers = ledger.explain(request)
            suggestion = ledger.suggestion(for: request)
        }

        package var fitting: Int { answers.values.count { $0 == nil } }

        /// How many executors give each reason, the most frequent first; with those that fit they are all.
        package var refusals: [(reason: RefusalReason, executors: Int)] {
            var counts: [RefusalReason: Int] = [:]
            for case let reason? in answers.values { counts[reason, default: 0] += 1 }
            return counts.map { (reason: $0.key, executors: $0.value) }
                .sorted { ($1.executors, $0.reason) < ($0.executors, $1.reason) }
        }
    }

    package var wanted: Int
    /// Those that count towards it.
    package var alive: Int
    package var healthy: Int
    package var hindrances: [Hindrance]
    /// `nil` of a task that has its place, or has ended.
    package var placement: Placement?
}

extension ClusterState {
    /// - Returns: `nil` if there is no such application.
    package func explanation(of app: AppID, _ ledger: Ledger, at now: Moment) -> Explanation? {
        guard let application = applications[app] else { return nil }
        let live = instances(of: app)
        let alive = live.filter(\.isAlive)
        let request = PlacementRequest(
            InstanceID(""),
            for: .application(application.spec),
            group: group(of: .application(app))
        )
        let placement = Explanation.Placement(request, in: ledger)
        var explanation = Explanation(
            wanted: application.expected,
            alive: alive.count,
            healthy: alive.count(where: \.isHealthy),
            hindrances: [],
            placement: placement
        )
        let missing = application.expected - alive.count
        if missing > 0 || explanation.healthy < application.expected {
            if facts.mode == .maintenance { explanation.hindrances.append(.maintenance) }
            let unheard = unheard(of: live)
            if !unheard.isEmpty { explanation.hindrances.append(.unheard(unheard)) }
        }
        if missing > 0, let wait = application.backoff.wait(at: now) {
            explanation.hindrances.append(
                .backoff(wait: wait, failures: application.backoff.failures, reason: application.backoff.reason)
            )
        }
        if let operation = application.operation {
            explanation.hindrances.append(.operation(operation.kind, parallelism: operation.parallelism))
        }
        if missing > 0, placement.fitting == 0 { explanation.hindrances.append(.noRoom) }
        let unhealthy = alive.count - explanation.healthy
        if unhealthy > 0 { explanation.hindrances.append(.unhealthy(unhealthy)) }
        return explanation
    }

    /// - Returns: `nil` if there is no such task.
    package func explanation(of task: TaskID, _ ledger: Ledger, at now: Moment) -> Explanation? {
        guard let run = tasks[task] else { return nil }
        let live = run.instance.flatMap { instances[$0] }
        var explanation = Explanation(
            wanted: run.end == nil ? 1 : 0,
            alive: live?.isAlive == true ? 1 : 0,
            healthy: live?.state == .running ? 1 : 0,
            hindrances: []
        )
        guard case .unplaced = run.phase else { return explanation }
        let request = PlacementRequest(
            InstanceID(""),
            for: .task(run.spec),
            group: group(of: run.owner),
            avoiding: run.avoided(at: now)
        )
        let placement = Explanation.Placement(request, in: ledger)
        explanation.placement = placement
        if facts.mode == .maintenance { explanation.hindrances.append(.maintenance) }
        if placement.fitting == 0 { explanation.hindrances.append(.noRoom) }
        return explanation
    }

    /// The executors that have instances of these and have not spoken to this leader.
    private func unheard(of live: [Instance]) -> [String] {
        let unheard = live.compactMap { members[$0.executor] }.filter(\.isUnheard)
        return Set(unheard.map { "\($0.hostname):\($0.port)" }).sorted()
    }
}

extension Explanation.Hindrance {
    /// For people: why, and what comes next.
    package var text: String {
        switch self {
        case .maintenance: "the cluster is in maintenance mode: nothing is started until that ends"
        case .unheard(let hosts):
            "this leader waits to hear from \(hosts.joined(separator: ", ")), which may have some of them"
        case .backoff(let wait, let failures, let reason):
            "\(failures) failed soon after the start, the next try is in \(wait.components.seconds + 1) s: \(reason)"
        case .operation(let kind, let parallelism): "\(kind.rawValue) is under way, at most \(parallelism) at a time"
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
        case .backoff: "BACKOFF"
        case .operation: "OPERATION"
        case .unhealthy: "NOT_HEALTHY_YET"
        case .noRoom: "NO_ROOM"
        }
    }
}
