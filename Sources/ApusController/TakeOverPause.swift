/// How long a controller that could not take the state over leaves it to others to lead before it stands again.
///
/// Longer after each failure in a row, so that it is seldom in the way, and never so long that nobody leads when it could.
package struct TakeOverPause: Sendable {
    private static let longest: Duration = .seconds(5)

    private var upcoming: Duration = .seconds(1)

    package init() {}

    /// The pause after one more failure.
    package mutating func next() -> Duration {
        defer { upcoming = min(upcoming * 2, Self.longest) }
        return upcoming
    }
}
