import ApusModel
import ApusTelemetry
import Synchronization

/// For how long a controller that stands by has taken nothing over of what the leader tells, though it knows who leads.
final class HistoryLag: Sendable {
    /// A leader that has just come, or restarts, is behind no wall yet.
    private static let patience = Duration.seconds(60)

    private struct Gap {
        var since: Moment
        var reason: String
    }

    private let gap = Mutex<Gap?>(nil)
    private let now: @Sendable () -> Moment

    init(now: @escaping @Sendable () -> Moment) { self.now = now }

    /// The leader could not be asked again, for a reason that people should know.
    func lasts(for reason: String) {
        let now = now()
        gap.withLock { $0 = Gap(since: $0?.since ?? now, reason: reason) }
    }

    /// All is well, or there is nobody to follow.
    func ends() { gap.withLock { $0 = nil } }

    var health: Health {
        guard let gap = gap.withLock(\.self) else { return .healthy }
        let length = now() - gap.since
        guard length >= Self.patience else { return .healthy }
        return .unhealthy(
            "events and audit records of the leader are not taken over for \(length.components.seconds) s: \(gap.reason)"
        )
    }

    func sample(at now: Moment) -> Sample {
        let length = gap.withLock(\.self).map { now - $0.since } ?? .zero
        return Sample(Series("apus.controller.history.lag.seconds"), .gauge(Double(length.milliseconds) / 1000))
    }
}
