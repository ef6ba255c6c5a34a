import ApusAgent
import ApusClient
import ApusModel
package import ApusTelemetry
import CoreMetrics
import Synchronization

/// What an executor counts and measures, and how it is.
package final class ExecutorNumbers: Sendable {
    /// As long as the agent itself waits before it says that there is no leader.
    private static let patience = Duration.seconds(10)
    /// A report is made every 2 s, and given up after 15.
    private static let hung = Duration.seconds(30)

    private struct Said {
        var at: Moment
        /// Why it cannot serve, in its own words.
        var troubles: [Trouble] = []
    }

    let logs: LogMeters
    let stats: StatsWatch
    let machine: MachineNumbers
    private let metrics: MetricRegistry
    private let presence: LeaderPresence
    private let said: Mutex<Said>
    /// Why the cluster will not have this executor; `nil` while it has.
    private let rejection = Mutex<String?>(nil)
    private let restarts: Counter

    /// `directory` is that of its state, `logRoot` that of its logs if they have their own.
    package init(_ telemetry: Telemetry, directory: String, logRoot: String? = nil, read: @escaping StatsWatch.Read) {
        let metrics = telemetry.metrics
        self.metrics = metrics
        presence = LeaderPresence(patience: Self.patience, from: metrics.time)
        said = Mutex(Said(at: metrics.time))
        restarts = Counter(label: "apus.executor.instances.restarted", dimensions: [], factory: metrics)
        logs = LogMeters(metrics: metrics)
        stats = StatsWatch(metrics: metrics, logs: logs, read: read)
        machine = MachineNumbers(metrics: metrics, directory: directory, logs: logRoot)
        let presence = presence
        metrics.add { now in presence.samples("apus.executor", at: now) }
        metrics.describe([
            "apus.executor.leader.absent.seconds": "How long no leader that can commit answered this executor.",
            "apus.executor.leader.absent.times": "How often no leader that can commit answered this executor.",
            "apus.executor.instances.restarted":
                "Containers started again in place, since they had ended and no leader could decide.",
            "apus.executor.checks.failed": "Tries of checks and hooks that failed, by cause.",
            "apus.executor.containers": "Containers of this executor that run.",
        ])
        for fault in CheckFault.allCases { countFailedCheck(fault, 0) }
        telemetry.health.add("serving") { [self] in health }
        telemetry.health.add("membership") { [self] in rejection.withLock(\.self).map { .unhealthy($0) } ?? .healthy }
    }

    private var health: Health {
        let said = said.withLock(\.self)
        let silence = metrics.time - said.at
        guard silence < Self.hung else { return .unhealthy("no report was made for \(silence.components.seconds) s") }
        return said.troubles.isEmpty ? .healthy : .unhealthy(said.troubles.texts.joined(separator: "; "))
    }

    // MARK: what the others tell

    /// A report leaves: it says what keeps this executor from serving.
    func reports(_ report: NodeReport) {
        said.withLock { $0 = Said(at: metrics.time, troubles: report.troubles) }
    }

    func answered(_ answer: ReportAnswer) {
        rejection.withLock { $0 = answer.refusal.map { "the leader refuses this executor: \($0)" } }
        if answer.canCommit, answer.verdict != .refused { presence.answered(at: metrics.time) }
    }

    /// A report got no answer: whoever shows no secret of the cluster is turned away before anybody reads it.
    func unanswered(_ error: any Error) {
        guard let failure = error as? ClientError, failure.isRejection else { return }
        rejection.withLock { $0 = "no controller lets this executor in: \(failure)" }
    }

    func startedAgain() { restarts.increment() }

    /// How a job ended: checks that failed are counted.
    func ended(_ job: Job, _ outcome: Outcome) {
        guard case .check = job, case .failed(let failure) = outcome else { return }
        countFailedCheck(failure.fault, 1)
    }

    private func countFailedCheck(_ fault: CheckFault, _ number: Int64) {
        Counter(label: "apus.executor.checks.failed", dimensions: [("cause", fault.rawValue)], factory: metrics)
            .increment(by: number)
    }
}
