package import ApusModel

/// A request that was accepted and is being worked on.
package struct Operation: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case create = "CREATE"
        case startInstances = "START_INSTANCES"
        case stopInstances = "STOP_INSTANCES"
        case scale = "SCALE"
        case replaceInstances = "REPLACE_INSTANCES"
        case suspend = "SUSPEND"
        case recover = "RECOVER"
        case destroy = "DESTROY"
        /// Of a local service alone.
        case adjustInstances = "ADJUST_INSTANCES"
        case rollout = "ROLLOUT"
    }

    /// Whether it is to go on.
    enum Standing {
        /// It is to be looked at again then.
        case goesOn(until: Moment)
        /// Why it is given up.
        case failed(String)
    }

    /// In which order an instance and its replacement start and stop.
    package enum Order: String, Sendable {
        /// The old one is stopped when the new one is healthy: `parallelism` more than expected may be there.
        case startFirst = "START_FIRST"
        /// The new one starts when the old one is told to stop: `parallelism` fewer than expected may be healthy.
        case stopFirst = "STOP_FIRST"
    }

    /// So many starts in a row that failed end an operation; the application's back-off goes on.
    static let mostFailures = 5
    /// Beyond what checks and hooks may take, for everything around them.
    private static let slack = Duration.seconds(60)
    /// No operation is given more time than this.
    private static let longest = Duration.seconds(30 * 86_400)

    package var id: OperationID
    package var kind: Kind
    /// How many instances may be on their way at a time.
    package var parallelism: Int
    /// Of one round of `parallelism` instances.
    package var timeout: DurationText
    package var failureStrategy: ClusterOpSpec.FailureStrategy = .stop
    /// How many rounds it may take.
    package var rounds = 1
    /// The expected count before it, which a rollback restores.
    package var before = 0
    /// The share that it followed before, which a rollback restores too.
    package var shareBefore: CapacityShare?
    /// The instances that it replaces or stops; empty of the other kinds.
    package var targets: [InstanceID] = []
    package var order = Order.startFirst
    /// What a ROLLOUT moves; `nil` of the other kinds.
    package var rollout: Rollout?
    package var accepted: WallTime
    /// The time it had spent when its record was written, under earlier leaders included.
    package var spent: Duration
    /// When this leader took it up; soft.
    package var resumed: Moment
    /// When an instance last became healthy or ended; soft.
    package var progressed: Moment
    /// When what it has spent was last stored; soft.
    var noted: Moment

    package init(
        id: OperationID,
        kind: Kind,
        opSpec: ClusterOpSpec,
        accepted: WallTime,
        spent: Duration = .zero,
        resumed: Moment
    ) {
        self.id = id
        self.kind = kind
        parallelism = opSpec.parallelism
        timeout = opSpec.timeout
        failureStrategy = opSpec.failureStrategy
        self.accepted = accepted
        self.spent = spent
        self.resumed = resumed
        progressed = resumed
        noted = resumed
    }

    /// When it is given up, however it comes along.
    package var deadline: Moment { resumed + (span - spent) }

    /// `timeout` for each round.
    private var span: Duration {
        let round = min(max(timeout.duration, .zero), Self.longest)
        return rounds > 1 ? min(round * rounds, max(round, Self.longest)) : round
    }

    /// When it is given up if nothing more comes of it: a round may take its timeout, or what pull, checks and hooks of
    /// the specification may take if that is longer (contract §4.2).
    package func progressDeadline(of spec: ApplicationSpec) -> Moment {
        progressed + min(max(timeout.duration, spec.longestStart + spec.longestStop + Self.slack), Self.longest)
    }

    /// A change of leader costs it no more than this of its time, or an eighth.
    private static let shortestBetweenNotes = Duration.seconds(10)
    var timeBetweenNotes: Duration { max(Self.shortestBetweenNotes, span / 8) }

    /// How it stands if it is not done; `failures` are the failed starts in a row.
    func standing(of spec: ApplicationSpec, failures: Int, at now: Moment) -> Standing {
        let stalled = progressDeadline(of: spec)
        if deadline <= now {
            return .failed("not done within \(timeout.text)" + (rounds > 1 ? " for each of \(rounds) rounds" : ""))
        }
        if stalled <= now { return .failed("no progress for \((stalled - progressed).components.seconds) seconds") }
        if starts, failures >= Self.mostFailures { return .failed("\(Self.mostFailures) starts in a row failed") }
        return .goesOn(until: min(deadline, stalled))
    }

    /// So many instances were there before it or are expected all the same: what is missing of them is not its to pace.
    func floor(_ application: Application) -> Int {
        switch kind {
        case .create, .startInstances, .scale, .rollout: min(before, application.expected)
        case .stopInstances, .replaceInstances, .recover, .suspend, .destroy, .adjustInstances: application.expected
        }
    }

    /// Failing starts are its failure too.
    var starts: Bool {
        switch kind {
        case .create, .startInstances, .stopInstances, .scale, .replaceInstances, .recover, .adjustInstances, .rollout:
            true
        case .suspend, .destroy: false
        }
    }
}

extension ApplicationSpec {
    /// The longest that replacing one instance may take.
    package var longestReplacement: Duration { longestStart + longestStop }

    /// The longest that an instance may take from its START until it is healthy.
    fileprivate var longestStart: Duration {
        [readiness, healthcheck].reduce(bounded(executable.dockerPullTimeout)) { sum, check in
            let tries = (bounded(check.timeout) + bounded(check.interval)) * check.attempts
            return sum + tries + (check.initialDelay.map(bounded) ?? .zero)
        }
    }

    /// The longest that one may take from its STOP until it has ended.
    fileprivate var longestStop: Duration {
        let hooks = Duration.seconds(30) * (preShutdown?.hooks.count ?? 0)
        return hooks + (preShutdown?.waitBeforeKill.map(bounded) ?? .zero)
    }

    private func bounded(_ text: DurationText) -> Duration { min(text.duration, .seconds(86_400)) }
}

/// How an operation ended.
package struct EndedOperation: Hashable, Sendable {
    package enum Outcome: String, Sendable {
        case succeeded = "SUCCEEDED"
        case failed = "FAILED"
        /// It failed, and the expected count is what it was before.
        case rolledBack = "ROLLED_BACK"
        /// A user ended it.
        case cancelled = "CANCELLED"
        /// A later operation took its place.
        case superseded = "SUPERSEDED"
    }
    static let mostTargets = 100

    package var id: OperationID
    package var kind: Operation.Kind
    package var outcome: Outcome
    /// For people; empty on success.
    package var reason: String
    /// The first instances that it was to replace or stop, `mostTargets` at most: a record has a limit.
    package var targets: [InstanceID] = []
    /// Between which applications a ROLLOUT moved; `nil` of the other kinds.
    package var from: AppID?
    package var to: AppID?
    package var accepted: WallTime
    package var ended: WallTime
}

extension Operation {
    func ended(_ outcome: EndedOperation.Outcome, _ reason: String, at wall: WallTime) -> EndedOperation {
        EndedOperation(
            id: id,
            kind: kind,
            outcome: outcome,
            reason: reason,
            targets: Array(targets.prefix(EndedOperation.mostTargets)),
            from: rollout?.from,
            to: rollout?.to,
            accepted: accepted,
            ended: wall
        )
    }
}
