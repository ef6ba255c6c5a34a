package import ApusModel
package import ApusTelemetry
import Synchronization

/// Counts what is written of instances' output: of each for as long as it is followed, and of all tasks of one source
/// application together, which never falls.
package final class LogMeters: Sendable {
    /// A name from outside each: of more the one that was written to longest ago is forgotten.
    private static let mostSources = 1_000

    private struct Meter {
        var lines: Rates
        var bytes: Rates
        var last: Moment

        init(at now: Moment) {
            lines = Rates(at: now)
            bytes = Rates(at: now)
            last = now
        }

        mutating func mark(lines: Int, bytes: Int, at now: Moment) {
            self.lines.mark(Int64(lines), at: now)
            self.bytes.mark(Int64(bytes), at: now)
            last = now
        }
    }

    private struct Meters {
        var instances: [InstanceID: Meter] = [:]
        var sources: [String: Meter] = [:]
    }

    private let metrics: MetricRegistry
    private let meters = Mutex(Meters())

    package init(metrics: MetricRegistry) { self.metrics = metrics }

    /// Whole lines of an instance were written, which may be a task of that source application.
    package func wrote(_ lines: [UInt8], of instance: InstanceID, source: String?) {
        let now = metrics.time
        let count = lines.count { $0 == UInt8(ascii: "\n") }
        meters.withLock { meters in
            meters.instances[instance, default: Meter(at: now)].mark(lines: count, bytes: lines.count, at: now)
            guard let source else { return }
            if meters.sources[source] == nil, meters.sources.count >= Self.mostSources,
                let eldest = meters.sources.min(by: { $0.value.last < $1.value.last })
            {
                meters.sources[eldest.key] = nil
            }
            meters.sources[source, default: Meter(at: now)].mark(lines: count, bytes: lines.count, at: now)
        }
    }

    /// Nothing more is written of it.
    package func forget(_ instance: InstanceID) { meters.withLock { $0.instances[instance] = nil } }

    /// None of an instance that has written nothing.
    func reading(of instance: InstanceID, at now: Moment) -> (lines: Rates.Reading, bytes: Rates.Reading)? {
        meters.withLock { $0.instances[instance].map { ($0.lines.reading(at: now), $0.bytes.reading(at: now)) } }
    }

    /// Of all tasks that one source application ever had here.
    func ofSources(at now: Moment) -> [(source: String, lines: Rates.Reading, bytes: Rates.Reading)] {
        meters.withLock { meters in
            meters.sources.map { ($0.key, $0.value.lines.reading(at: now), $0.value.bytes.reading(at: now)) }
        }
    }
}
