import ApusModel

/// How this machine's civil clock compares with the leader's.
struct LeaderClock: Hashable, Sendable {
    /// More than this, and times that this executor tells mean something else than everybody's.
    static let tolerance = Duration.seconds(2)

    /// Why it is not to be trusted, in the words of when that was found; `nil` while it may be right.
    private(set) var fault: String?

    /// An answer came that left the leader at `leader`; its question had left here at `sent`.
    ///
    /// When in between the leader looked at its clock is not known, so half the round trip is the error: nothing is
    /// said of a clock that may be right, and it counts as right again only when it surely is.
    mutating func compare(_ leader: WallTime, asked sent: Moment, at times: Times) {
        let error = (times.now - sent) / 2
        let here = times.wall.milliseconds.subtractingReportingOverflow(leader.milliseconds)
        // So far apart as no two clocks are: whichever it is, it is wrong.
        let ahead: Duration = here.overflow ? .seconds(Int32.max) : .milliseconds(here.partialValue) - error
        let distance = ahead < .zero ? .zero - ahead : ahead
        if distance - error > Self.tolerance {
            fault = fault ?? Self.text(ahead)
        } else if distance + error <= Self.tolerance {
            fault = nil
        }
    }

    private static func text(_ ahead: Duration) -> String {
        let tenths = (ahead < .zero ? .zero - ahead : ahead).milliseconds / 100
        return "its clock is \(tenths / 10).\(tenths % 10) s \(ahead < .zero ? "behind" : "ahead of") the leader's: "
            + "set one of them right"
    }
}
