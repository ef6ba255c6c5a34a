package import ApusModel
package import ApusPlacement

/// One application: what is wanted of it, and what the engine knows about getting there.
package struct Application: Sendable {
    package var spec: ApplicationSpec
    /// How many instances are wanted; kept until an operation changes it.
    package var expected: Int
    package var created: WallTime
    package var updated: WallTime
    /// The operation under way.
    package var operation: Operation?
    /// How the last operation ended.
    package var lastOperation: EndedOperation?
    /// The ids of its live instances, oldest first.
    package var instances: [InstanceID] = []
    /// What fails soon after its start is held back; soft.
    package var backoff = Backoff()
    /// Why the last placement found no room; soft.
    package var shortfall: Refusal?

    package var id: AppID { spec.id }

    package init(
        spec: ApplicationSpec,
        expected: Int,
        created: WallTime,
        updated: WallTime,
        operation: Operation? = nil,
        lastOperation: EndedOperation? = nil
    ) {
        self.spec = spec
        self.expected = expected
        self.created = created
        self.updated = updated
        self.operation = operation
        self.lastOperation = lastOperation
    }

    /// The state on the wire (contract §4.2).
    package var state: ApplicationState {
        switch operation?.kind {
        case .scale, .suspend: .scalingRequested
        case .recover: .outageDetected
        case .destroy: .destroyRequested
        case .create, nil: expected == 0 ? .monitoring : .running
        }
    }
}

/// A request that was accepted and is being worked on.
package struct Operation: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case create = "CREATE"
        case scale = "SCALE"
        case suspend = "SUSPEND"
        case recover = "RECOVER"
        case destroy = "DESTROY"
    }
    package var id: OperationID
    package var kind: Kind
    /// How many instances may be on their way up at a time.
    package var parallelism: Int
    package var timeout: DurationText
    package var accepted: WallTime
    /// The time it had spent when its record was written, under earlier leaders included.
    package var spent: Duration
    /// When this leader took it up; soft.
    package var resumed: Moment

    package init(
        id: OperationID,
        kind: Kind,
        parallelism: Int,
        timeout: DurationText,
        accepted: WallTime,
        spent: Duration,
        resumed: Moment
    ) {
        self.id = id
        self.kind = kind
        self.parallelism = parallelism
        self.timeout = timeout
        self.accepted = accepted
        self.spent = spent
        self.resumed = resumed
    }

    /// When it is given up.
    package var deadline: Moment { resumed + (timeout.duration - spent) }
}

/// How an operation ended.
package struct EndedOperation: Hashable, Sendable {
    package enum Outcome: String, Sendable {
        case succeeded = "SUCCEEDED"
        case failed = "FAILED"
        /// A later operation took its place.
        case superseded = "SUPERSEDED"
    }
    package var id: OperationID
    package var kind: Operation.Kind
    package var outcome: Outcome
    /// For people; empty on success.
    package var reason: String
    package var accepted: WallTime
    package var ended: WallTime

    package init(
        id: OperationID,
        kind: Operation.Kind,
        outcome: Outcome,
        reason: String,
        accepted: WallTime,
        ended: WallTime
    ) {
        self.id = id
        self.kind = kind
        self.outcome = outcome
        self.reason = reason
        self.accepted = accepted
        self.ended = ended
    }
}

/// Holds back an application whose instances fail soon after they start.
///
/// The first failure, and any after 10 s HEALTHY, is replaced at once. What fails sooner waits 1 s, doubling to 60 s.
/// Failures count once per generation: ten instances of one bad image that fail together are one failure.
package struct Backoff: Hashable, Sendable {
    /// Being HEALTHY for so long clears the count.
    package static let proof: Duration = .seconds(10)
    private static let longest: Int64 = 60

    package private(set) var failures = 0
    package private(set) var notBefore: Moment?
    /// Why the last one failed.
    package private(set) var reason = ""

    package init() {}

    /// The generation that instances started now belong to.
    package var generation: Int { failures }

    /// Takes the failure of an instance of that generation into account.
    package mutating func failed(generation: Int, afterProof: Bool, reason: String, at now: Moment) {
        guard !afterProof else {
            self = Backoff()
            self.reason = reason
            return
        }
        self.reason = reason
        guard generation == failures else { return }
        failures += 1
        let doublings = failures - 2
        if doublings >= 0 { notBefore = now + .seconds(min(Self.longest, 1 << min(doublings, 6))) }
    }

    /// An instance of the latest generation has stayed HEALTHY long enough.
    package mutating func proved() { self = Backoff() }

    /// The wait that is left; `nil` if nothing is held back.
    package func wait(at now: Moment) -> Duration? {
        guard let notBefore, notBefore > now else { return nil }
        return notBefore - now
    }
}
