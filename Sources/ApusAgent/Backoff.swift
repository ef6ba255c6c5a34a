import ApusModel

/// Tries again later and later: 0.5 s doubling to 30 s.
struct Backoff: Hashable, Sendable {
    private(set) var at: Moment
    private var delay = Duration.milliseconds(500)

    init(at: Moment) { self.at = at }

    mutating func postpone(from now: Moment) {
        at = now + delay
        delay = min(delay * 2, .seconds(30))
    }
}

/// How long each restart in place waits: the first not at all, then 1, 2, 4 … 60 s.
struct RestartLadder: Hashable, Sendable {
    private var wait = Duration.zero

    /// HEALTHY for so long, and the next restart is a first one again.
    static let steadyAfter = Duration.seconds(10)

    mutating func climb() -> Duration {
        defer { wait = min(max(wait * 2, .seconds(1)), .seconds(60)) }
        return wait
    }
}
