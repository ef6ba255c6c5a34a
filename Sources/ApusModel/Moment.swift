/// A point on a monotonic clock, in nanoseconds since an arbitrary start.
///
/// It means nothing in another process or after a restart: never persist one.
package struct Moment: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = Moment(nanoseconds: 0)
    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The end of time rather than a deadline in the past when the span is very long.
    package static func + (moment: Self, span: Duration) -> Self {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(span.nanoseconds)
        return Moment(nanoseconds: overflow ? (span < .zero ? .min : .max) : sum)
    }

    package static func - (left: Self, right: Self) -> Duration {
        .nanoseconds(left.nanoseconds &- right.nanoseconds)
    }
}

/// A point in civil time, in milliseconds since 1970: for people, records and retention, never for timers.
package struct WallTime: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
    package var json: JSON { .integer(milliseconds) }
}

/// The two times that every input of a pure core carries.
package struct Times: Hashable, Sendable {
    /// For timers and deadlines.
    package var now: Moment
    /// For `created`, `updated` and display.
    package var wall: WallTime

    package init(now: Moment, wall: WallTime) {
        self.now = now
        self.wall = wall
    }
}

extension Duration {
    /// Whole nanoseconds, saturating at the ends of `Int64`.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
