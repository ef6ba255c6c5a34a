package import ApusModel

/// Until when a leader may act on its leadership without asking again.
///
/// A value: whoever asks says what time it is. It is counted from when a write was *sent* that the store acknowledged
/// later: by then no session of ours can be over, whatever the time that the answer took.
package struct Lease: Hashable, Sendable {
    /// What is left of a session when the lease lapses: for clocks that differ, and for what is on its way.
    private static let shareOfSession = (2, of: 3)

    /// The session that was granted; zero if it never lapses.
    let session: Duration
    private let span: Duration
    /// The first moment at which it holds no more.
    package private(set) var end: Moment
    private var hasLapsed = false

    /// Of the session that was granted, from a write that was sent at `sent`.
    package init(session: Duration, sent: Moment) {
        self.session = session
        span = session * Self.shareOfSession.0 / Self.shareOfSession.of
        end = sent + span
    }

    /// One that never lapses.
    package static let unending = Lease(session: .zero, end: Moment(nanoseconds: .max))

    private init(session: Duration, end: Moment) {
        self.session = session
        span = session
        self.end = end
    }

    package func isValid(at now: Moment) -> Bool { !hasLapsed && now < end }

    /// A write that was sent at `sent` is acknowledged now.
    ///
    /// One that lapsed before is over for good: meanwhile somebody may have looked, and found it so.
    package mutating func renew(sent: Moment, acknowledged now: Moment) {
        guard isValid(at: now) else { return hasLapsed = true }
        end = max(end, sent + span)
    }
}
