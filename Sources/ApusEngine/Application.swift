package import ApusModel
package import ApusPlacement

/// One application: what is wanted of it, and what the engine knows about getting there.
package struct Application: Sendable {
    package var spec: ApplicationSpec
    /// How many instances are wanted; kept until an operation changes it.
    package var expected: Int
    /// What that number follows as machines come and go; `nil` if it stands.
    package var share: CapacityShare?
    package var created: WallTime
    package var updated: WallTime
    /// The epoch of the leader that was last asked to change it; 0 if nobody wrote that down.
    package var ordered: Epoch = 0
    /// The operation under way.
    package var operation: Operation?
    /// Where a rollout moves its instances to, while one does: that one's record has the operation.
    package var rolledOutTo: AppID?
    /// How the last operation ended.
    package var lastOperation: EndedOperation?
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
        switch rolledOutTo == nil ? operation?.kind : .rollout {
        case .startInstances, .scale, .suspend, .rollout: .scalingRequested
        case .stopInstances: .stopInstancesRequested
        case .replaceInstances: .replaceInstancesRequested
        case .recover: .outageDetected
        case .destroy: .destroyRequested
        case .create, .adjustInstances, nil: expected == 0 ? .monitoring : .running
        }
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

    /// How long what failed last is held back; `nil` if it is tried again at once.
    var pause: Duration? {
        let doublings = failures - 2
        return doublings >= 0 ? .seconds(min(Self.longest, 1 << min(doublings, 6))) : nil
    }

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
        if let pause { notBefore = now + pause }
    }

    /// An instance of the latest generation has stayed HEALTHY long enough.
    package mutating func proved() { self = Backoff() }

    /// The wait that is left; `nil` if nothing is held back.
    package func wait(at now: Moment) -> Duration? {
        guard let notBefore, notBefore > now else { return nil }
        return notBefore - now
    }
}
