import ApusEngine
import ApusModel
import ApusPlacement
import ApusTelemetry
import CoreMetrics
import Synchronization

/// What a controller counts, and how it is.
final class ControllerNumbers: Sendable {
    /// Why this controller became the leader.
    enum Election: String, CaseIterable {
        /// It began, and no other controller has led since.
        case start = "START"
        /// It stood by, or had stepped down.
        case won = "WON"
        /// An executor had obeyed a greater epoch.
        case epochOvertaken = "EPOCH_OVERTAKEN"
    }

    /// A leader's loop comes round five times a second; one that has not for so long decides nothing.
    private static let patience = Duration.seconds(1)
    private static let hung = Duration.seconds(10)

    private let metrics: MetricRegistry
    private let published: Published
    private let mayStandBy: Bool
    private let presence: LeaderPresence
    private let storeTrouble = Mutex("")
    /// Why a controller that stands by cannot read what the leader stores; empty when it can.
    private let readingTrouble = Mutex("it was not reached yet")
    private let commit: CoreMetrics.Timer
    private let events: EventMeters
    /// Of a controller that stands by.
    let history: HistoryLag

    /// One that `mayStandBy` need not lead to be well.
    init(_ telemetry: Telemetry, published: Published, mayStandBy: Bool) {
        metrics = telemetry.metrics
        (self.published, self.mayStandBy) = (published, mayStandBy)
        history = HistoryLag { [metrics = telemetry.metrics] in metrics.time }
        presence = LeaderPresence(patience: Self.patience, from: metrics.time)
        commit = CoreMetrics.Timer(label: "apus.controller.store.commit", dimensions: [], factory: metrics)
        events = EventMeters(at: metrics.time)
        describe()
        countFromTheFirstDay()
        let events = events
        metrics.add { now in events.samples(at: now) }
        let gauges = ClusterGauges(published)
        metrics.add { now in gauges.samples(at: now) }
        let presence = presence
        metrics.add { now in
            let leads: Double = published.lead == nil ? 0 : 1
            let lease = published.leaseLeft.map { left in
                Sample(Series("apus.controller.lease.seconds"), .gauge(Double(left.milliseconds) / 1000))
            }
            return presence.samples("apus.controller", at: now)
                + [Sample(Series("apus.controller.leading"), .gauge(leads)), lease].compactMap(\.self)
        }
        addChecks(telemetry)
        guard mayStandBy else { return }
        let history = history
        metrics.add { now in [history.sample(at: now)] }
        telemetry.health.add("history") { history.health }
    }

    private func describe() {
        metrics.describe([
            "apus.cluster.executors.failing": "Executors of which a channel fails, by channel.",
            "apus.controller.reports.refused": "Reports of executors that were not heard, by reason.",
            "apus.cluster.events": "Events of the cluster, by type.",
            "apus.cluster.events.all": "Events of the cluster.",
            "apus.controller.leading": "1 while this controller leads.",
            "apus.controller.lease.seconds": "How long this leader may lead without a word of the store.",
            "apus.controller.leader.absent.seconds": "How long this controller had no leader that could commit.",
            "apus.controller.leader.absent.times": "How often this controller had no leader that could commit.",
            "apus.controller.history.lag.seconds":
                "How long this controller has taken over no events and audit records of the leader that it knows.",
            "apus.controller.elections": "How often this controller became the leader, by cause.",
            "apus.controller.store.commit": "Batches stored, and how long that took.",
            "apus.controller.tasks.ended": "Tasks that ended, by result.",
            "apus.controller.instances.restarted":
                "Instances replaced, or started again in place, because they failed unasked, by cause.",
            "apus.controller.checks.failed": "Instances given up because a check failed too often, by check and cause.",
            "apus.controller.placements.refused":
                "Placements that no executor took, by each reason that one of them gave; a repetition counts again.",
        ])
    }

    /// A counter that is not there cannot be told from one that nothing has happened to.
    private func countFromTheFirstDay() {
        for cause in Election.allCases { count(cause, 0) }
        for result in [TaskEnd.Result.successful, .failed, .cancelled, .lost] { count(.taskEnded(result), 0) }
        let failures: [Happening.Failure] = [
            .exited, .outOfMemory, .pullFailed, .startFailed, .refused, .executorLost,
        ]
        for failure in failures { count(.instanceFailed(failure), 0) }
        for fault in CheckFault.allCases {
            count(.instanceFailed(.readinessFailed(fault)), 0)
            count(.instanceFailed(.healthFailed(fault)), 0)
        }
        count(.restartedInPlace, 0)
        for kind in RefusalKind.allCases { count(.placementRefused(kind), 0) }
        for kind in Refused.Kind.allCases { count(.reportRefused(kind), 0) }
    }

    private func addChecks(_ telemetry: Telemetry) {
        telemetry.health.add("leader") { [self] in
            guard published.state != nil else {
                return mayStandBy ? .healthy : .unhealthy("this controller does not lead")
            }
            let silence = presence.silence(at: metrics.time)
            guard silence < Self.hung else {
                return .unhealthy("nothing was decided for \(silence.components.seconds) s")
            }
            return .healthy
        }
        telemetry.health.add("store") { [self] in storeFault.map { .unhealthy($0) } ?? .healthy }
    }

    /// What is wrong with the store as this controller found it, for people; `nil` if nothing is.
    var storeFault: String? {
        if mayStandBy, published.state == nil {
            let trouble = readingTrouble.withLock(\.self)
            return trouble.isEmpty ? nil : "the store cannot be read: \(trouble)"
        }
        let trouble = storeTrouble.withLock(\.self)
        return trouble.isEmpty ? nil : "the store takes nothing: \(trouble)"
    }

    // MARK: what the loop tells

    func elected(_ cause: Election) {
        // Before the first turn too nobody is to think that it hangs.
        presence.answered(at: metrics.time)
        count(cause, 1)
    }

    /// While this controller stands by, another one is known to lead; whether it can commit only the store tells.
    func sawAnotherLead() {
        guard readingTrouble.withLock(\.isEmpty) else { return }
        presence.answered(at: metrics.time)
    }

    /// A turn was finished: what was decided is stored.
    func turned(_ happened: [Happening: Int64]) {
        presence.answered(at: metrics.time)
        for (happening, number) in happened { count(happening, number) }
    }

    func told(_ events: [ClusterEvent]) { self.events.mark(events, at: metrics.time) }

    /// Empty as soon as something is stored again.
    func storeIsTroubled(by reason: String) { storeTrouble.withLock { $0 = reason } }

    /// A controller that stands by has read what the leader stores, or could not; empty when it could.
    func standsBy(troubledBy reason: String) { readingTrouble.withLock { $0 = reason } }

    func committed(in span: Duration) { commit.recordNanoseconds(span.nanoseconds) }

    // MARK: counters

    private func count(_ cause: Election, _ number: Int64) {
        add(number, "apus.controller.elections", [("cause", cause.rawValue)])
    }

    private func count(_ happening: Happening, _ number: Int64) {
        switch happening {
        case .taskEnded(let result): add(number, "apus.controller.tasks.ended", [("result", result.rawValue)])
        case .restartedInPlace: add(number, "apus.controller.instances.restarted", [("cause", "IN_PLACE")])
        case .placementRefused(let kind):
            add(number, "apus.controller.placements.refused", [("reason", kind.rawValue)])
        case .reportRefused(let kind):
            add(number, "apus.controller.reports.refused", [("reason", kind.rawValue)])
        case .instanceFailed(let failure):
            add(number, "apus.controller.instances.restarted", [("cause", failure.word)])
            guard let (check, fault) = failure.check else { return }
            add(number, "apus.controller.checks.failed", [("check", check), ("cause", fault.rawValue)])
        }
    }

    private func add(_ number: Int64, _ name: String, _ labels: [(String, String)]) {
        Counter(label: name, dimensions: labels, factory: metrics).increment(by: number)
    }
}

extension Happening.Failure {
    /// As the cause of an end is written elsewhere.
    fileprivate var word: String {
        switch self {
        case .exited: "EXITED"
        case .outOfMemory: "OUT_OF_MEMORY"
        case .pullFailed: "PULL_FAILED"
        case .startFailed: "START_FAILED"
        case .readinessFailed: "READINESS_FAILED"
        case .healthFailed: "HEALTH_FAILED"
        case .refused: "REFUSED"
        case .executorLost: "EXECUTOR_LOST"
        }
    }

    /// The check that failed; `nil` if none did.
    fileprivate var check: (name: String, fault: CheckFault)? {
        switch self {
        case .readinessFailed(let fault): ("readiness", fault)
        case .healthFailed(let fault): ("health", fault)
        case .exited, .outOfMemory, .pullFailed, .startFailed, .refused, .executorLost: nil
        }
    }
}
