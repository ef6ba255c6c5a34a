package import ApusModel

/// The JSON that Drove's admin port gives, and that Telegraf and others read there (contract §9).
package struct DropwizardText: Sendable {
    private static let version = "4.0.0"
    /// Beyond this not every whole number is one of `Double`'s.
    private static let exactlyWhole = 9_007_199_254_740_992.0

    package let json: JSON

    package init(_ samples: [Sample]) {
        var gauges: [JSON.Member] = []
        var counters: [JSON.Member] = []
        var meters: [JSON.Member] = []
        var timers: [JSON.Member] = []
        for sample in samples.sorted(by: { $0.series.path < $1.series.path }) {
            let path = sample.series.path
            switch sample.value {
            case .gauge(let value):
                // A value that is no number would be a string, which readers of numbers stumble over.
                guard value.isFinite else { continue }
                gauges.append(JSON.Member(path, ["value": Self.number(value)]))
            case .counter(let count): counters.append(JSON.Member(path, ["count": .integer(count)]))
            case .meter(let reading):
                let units = [JSON.Member("units", "events/second")]
                meters.append(JSON.Member(path, .object(Self.members(of: reading) + units)))
            case .timing(let reading): timers.append(JSON.Member(path, Self.json(of: reading)))
            }
        }
        json = .members([
            "version": .string(Self.version), "gauges": .object(gauges), "counters": .object(counters),
            "histograms": .object([]), "meters": .object(meters), "timers": .object(timers),
        ])
    }

    private static func members(of reading: Rates.Reading) -> [JSON.Member] {
        [
            JSON.Member("count", .integer(reading.count)), JSON.Member("m15_rate", .number(reading.fifteenMinutes)),
            JSON.Member("m1_rate", .number(reading.oneMinute)), JSON.Member("m5_rate", .number(reading.fiveMinutes)),
            JSON.Member("mean_rate", .number(reading.mean)),
        ]
    }

    private static func json(of reading: Timing.Reading) -> JSON {
        .object(
            members(of: reading.rates) + [
                JSON.Member("max", .number(reading.longest.inSeconds)),
                JSON.Member("mean", .number(reading.mean.inSeconds)),
                JSON.Member("duration_units", "seconds"), JSON.Member("rate_units", "calls/second"),
            ]
        )
    }

    /// Bytes and counts are whole, and readers should see so.
    private static func number(_ value: Double) -> JSON {
        value == value.rounded() && abs(value) < exactlyWhole ? .integer(Int64(value)) : .number(value)
    }
}
