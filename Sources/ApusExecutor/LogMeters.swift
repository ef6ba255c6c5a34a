import ApusModel
package import ApusTelemetry
import Synchronization

/// Counts what is written of instances' output, for as long as each is followed.
package final class LogMeters: Sendable {
    private struct Meter {
        var lines: Rates
        var bytes: Rates
    }

    private let metrics: MetricRegistry
    private let meters = Mutex<[InstanceID: Meter]>([:])

    package init(metrics: MetricRegistry) { self.metrics = metrics }

    /// Whole lines of an instance were written.
    func wrote(_ lines: [UInt8], of instance: InstanceID) {
        let now = metrics.time
        let count = lines.count { $0 == UInt8(ascii: "\n") }
        meters.withLock { meters in
            var meter = meters[instance] ?? Meter(lines: Rates(at: now), bytes: Rates(at: now))
            meter.lines.mark(Int64(count), at: now)
            meter.bytes.mark(Int64(lines.count), at: now)
            meters[instance] = meter
        }
    }

    /// Nothing more is written of it.
    func forget(_ instance: InstanceID) { meters.withLock { $0[instance] = nil } }

    /// None of an instance that has written nothing.
    func reading(of instance: InstanceID, at now: Moment) -> (lines: Rates.Reading, bytes: Rates.Reading)? {
        meters.withLock { $0[instance].map { ($0.lines.reading(at: now), $0.bytes.reading(at: now)) } }
    }
}
