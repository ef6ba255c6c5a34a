package import ApusModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where the two times of every input come from; given in at the top, so that tests can give their own.
package struct TimeSource: Sendable {
    private let read: @Sendable () -> Times

    package init(_ read: @escaping @Sendable () -> Times) { self.read = read }

    package func callAsFunction() -> Times { read() }

    /// The machine's clocks; `now` counts from this call.
    package static func system() -> TimeSource {
        let start = ContinuousClock.now
        return TimeSource {
            Times(
                now: Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds),
                wall: WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            )
        }
    }
}
