package import ApusModel
package import ApusPlacement
import HashTreeCollections

/// Why there are no more instances of an application or a local service, or why a task does not run: for people and in
/// numbers.
package struct Explanation: Sendable {
    /// One thing that keeps what is missing from being there, or what is there from being sure.
    package enum Hindrance: Hashable, Sendable {
        /// Nothing is repaired while the cluster is in maintenance.
        case maintenance
        /// These executors may have some, and have not spoken to this leader yet.
        case unheard([String])
        /// These have some and are silent; as many fell silent together, none is given up before then.
        case lossHeld([String], until: WallTime, wait: Duration)
        /// What failed soon after its start is held back.
        case backoff(wait: Duration, failures: Int, reason: String)
        /// An operation works on it, so many at a time.
        case operation(Operation.Kind, parallelism: Int)
        /// It takes another one's place, or is replaced by it, so many at a time.
        case rollout(Rollout, parallelism: Int)
        /// Not all that is there is healthy yet.
        case unhealthy(Int)
        /// No executor takes one more.
        case noRoom
    }

    /// What keeps an executor from having one more.
    package enum Obstacle: Hashable, Comparable, Sendable {
        /// It takes none.
        case refusal(RefusalReason)
        /// What failed there soon after its start is held back.
        case failing(String)
        /// All that is wanted there has been started.
        case unhealthy
        /// It has room for what is missing there, and that is still to be started.
        case due
    }

    /// How every executor stands to it.
    package struct Placement: Sendable {
        /// By executor; `nil`: it would take one more, or has all that a local service wants there.
        package var answers: [ExecutorID: Obstacle?]
        /// The cheapest single change that would make it fit; `nil` if it fits, or no single one would do.
        package var suggestion: Suggestion?

        init(_ answers: [ExecutorID: Obstacle?]) { self.answers = answers }

        init(_ request: PlacementRequest, in ledger: Ledger) {
            answers = ledger.explain(request).mapValues { $0.map(Obstacle.refusal) }
            suggestion = ledger.suggestion(for: request)
        }

        package var fitting: Int { answers.values.count { $0 == nil } }

        /// How many executors give each reason, the most frequent first; with those that fit they are all.
        package var refusals: [(reason: Obstacle, executors: Int)] {
            var counts: [Obstacle: Int] = [:]
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

    var isComplete: Bool { healthy >= wanted }
}

extension ClusterState {
    /// - Returns: `nil` if there is no such application.
    package func explanation(of app: AppID, _ ledger: Ledger, at times: Times) -> Explanation? {
        guard let application = applications[app] else { return nil }
        let live = instances(of: app)
        let request = PlacementRequest(
            InstanceID(""),
            for: .application(application.spec),
            group: group(of: .application(app))
        )
        let placement = Explanation.Placement(request, in: ledger)
        var explanation = explanation(wanting: application.expected, live, operation(on: application), at: times.wall)
        explanation.placement = placement
        let missing = application.expected - explanation.alive
        if missing > 0, let wait = application.backoff.wait(at: times.now) {
            explanation.hindrances.append(
                .backoff(wait: wait, failures: application.backoff.failures, reason: application.backoff.reason)
            )
        }
        if missing > 0, placement.fitting == 0 { explanation.hindrances.append(.noRoom) }
        return explanation
    }

    /// What is said of whatever has several instances.
    func explanation(
        wanting wanted: Int,
        _ live: [Instance],
        _ operation: Operation?,
        at wall: WallTime
    ) -> Explanation {
        let alive = live.filter(\.isAlive)
        let healthy = alive.count(where: \.isHealthy)
        var explanation = Explanation(wanted: wanted, alive: alive.count, healthy: healthy, hindrances: [])
        if !explanation.isComplete {
            // What is under way goes on.
            if facts.mode == .maintenance, operation == nil { explanation.hindrances.append(.maintenance) }
            let unheard = live.compactMap { members[$0.executor] }.filter(\.isUnheard)
            if !unheard.isEmpty { explanation.hindrances.append(.unheard(addresses(of: unheard))) }
        }
        if let held = lossHeld(of: alive, at: wall) { explanation.hindrances.append(held) }
        if let operation, let rollout = operation.rollout {
            explanation.hindrances.append(.rollout(rollout, parallelism: operation.parallelism))
        } else if let operation {
            explanation.hindrances.append(.operation(operation.kind, parallelism: operation.parallelism))
        }
        if alive.count > healthy { explanation.hindrances.append(.unhealthy(alive.count - healthy)) }
        return explanation
    }

    /// - Returns: `nil` if there is no such task.
    package func explanation(of task: TaskID, _ ledger: Ledger, at times: Times) -> Explanation? {
        guard let run = tasks[task] else { return nil }
        let live = run.instance.flatMap { instances[$0] }
        var explanation = Explanation(
            wanted: run.end == nil ? 1 : 0,
            alive: live?.isAlive == true ? 1 : 0,
            healthy: live?.state == .running ? 1 : 0,
            hindrances: []
        )
        if let live, let held = lossHeld(of: [live], at: times.wall) { explanation.hindrances.append(held) }
        guard case .unplaced = run.phase else { return explanation }
        let request = PlacementRequest(
            InstanceID(""),
            for: .task(run.spec),
            group: group(of: run.owner),
            avoiding: run.avoided(at: times.now)
        )
        let placement = Explanation.Placement(request, in: ledger)
        explanation.placement = placement
        if placement.fitting == 0 { explanation.hindrances.append(.noRoom) }
        return explanation
    }

    private func lossHeld(of live: [Instance], at wall: WallTime) -> Explanation.Hindrance? {
        let held = live.compactMap { members[$0.executor] }.filter { $0.lossHold != nil }
        guard let until = held.compactMap(\.lossHold?.until).max() else { return nil }
        let wait = Duration.milliseconds(max(0, until.milliseconds - wall.milliseconds))
        return .lossHeld(addresses(of: held), until: until, wait: wait)
    }

    private func addresses(of members: [Member]) -> [String] {
        Set(members.map { "\($0.hostname):\($0.port)" }).sorted()
    }
}
