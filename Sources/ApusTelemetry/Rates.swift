package import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How often something happens: since the beginning, and of late as Dropwizard's meters tell it, in an average that
/// forgets within 1, 5 and 15 minutes.
package struct Rates: Sendable {
    /// As Dropwizard: the averages move so often.
    private static let interval = Duration.seconds(5)

    package struct Reading: Hashable, Sendable {
        package var count: Int64 = 0
        /// All of these a second.
        package var mean = 0.0
        package var oneMinute = 0.0
        package var fiveMinutes = 0.0
        package var fifteenMinutes = 0.0

        package init() {}
    }

    private var count: Int64 = 0
    private let begun: Moment
    private var moved: Moment
    /// Since the averages moved.
    private var fresh: Int64 = 0
    private var one = Average(minutes: 1)
    private var five = Average(minutes: 5)
    private var fifteen = Average(minutes: 15)

    package init(at now: Moment) { (begun, moved) = (now, now) }

    package mutating func mark(_ number: Int64 = 1, at now: Moment) {
        move(to: now)
        count += number
        fresh += number
    }

    package func reading(at now: Moment) -> Reading {
        var moved = self
        moved.move(to: now)
        var reading = Reading()
        reading.count = count
        let span = (now - begun).inSeconds
        reading.mean = span > 0 ? Double(count) / span : 0
        reading.oneMinute = moved.one.rate
        reading.fiveMinutes = moved.five.rate
        reading.fifteenMinutes = moved.fifteen.rate
        return reading
    }

    /// What happened since then belongs to the first interval that has passed; in all later ones nothing did.
    private mutating func move(to now: Moment) {
        let steps = (now - moved).nanoseconds / Self.interval.nanoseconds
        guard steps > 0 else { return }
        moved = moved + Self.interval * Int(steps)
        let rate = Double(fresh) / Self.interval.inSeconds
        fresh = 0
        one.take(rate, thenNothing: steps - 1)
        five.take(rate, thenNothing: steps - 1)
        fifteen.take(rate, thenNothing: steps - 1)
    }

    private struct Average {
        private let weight: Double
        private var value: Double?
        var rate: Double { value ?? 0 }

        init(minutes: Double) { weight = 1 - exp(-Rates.interval.inSeconds / 60 / minutes) }

        mutating func take(_ rate: Double, thenNothing intervals: Int64) {
            let next = value.map { $0 + weight * (rate - $0) } ?? rate
            value = next * pow(1 - weight, Double(intervals))
        }
    }
}

/// How often something was done, and how long it took.
package struct Timing: Sendable {
    package struct Reading: Hashable, Sendable {
        package var rates: Rates.Reading
        package var total: Duration
        package var longest: Duration

        package var mean: Duration { rates.count > 0 ? total / Double(rates.count) : .zero }
    }

    private var rates: Rates
    private var total = Duration.zero
    private var longest = Duration.zero

    package init(at now: Moment) { rates = Rates(at: now) }

    package mutating func took(_ span: Duration, at now: Moment) {
        rates.mark(at: now)
        total += span
        longest = max(longest, span)
    }

    package func reading(at now: Moment) -> Reading {
        Reading(rates: rates.reading(at: now), total: total, longest: longest)
    }
}
