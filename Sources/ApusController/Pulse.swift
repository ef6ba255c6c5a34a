import Synchronization

/// What a loop shows of itself to its watchdog.
final class Pulse: Sendable {
    /// Whatever a session lasts, a machine may be busy for so long.
    private static let leastPatience: Duration = .seconds(10)
    private static let interval: Duration = .seconds(1)

    /// What hangs for two sessions is ended: by then another controller leads, or could.
    static func patience(session: Duration) -> Duration { max(leastPatience, session * 2) }

    private let last = Mutex<(count: UInt64, patience: Duration?)>((0, nil))

    /// `nil` while nobody waits for the loop.
    var beat: LoopWatch.Beat? {
        last.withLock { last in last.patience.map { LoopWatch.Beat(count: last.count, patience: $0) } }
    }

    /// The loop is to come round from now on, each time within that.
    func begin(patience: Duration) { last.withLock { $0 = ($0.count &+ 1, patience) } }

    /// It has come round.
    func comesRound() { last.withLock { $0.count &+= 1 } }

    /// It has ended, or waits for what takes the time it takes.
    func rest() { last.withLock { $0.patience = nil } }

    /// Beats every second, until it is cancelled: it hangs on nothing, and so stops only where nothing goes on any more.
    func run(session: Duration, _ crash: CrashPoint?) async {
        begin(patience: Self.patience(session: session))
        while !Task.isCancelled {
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: Self.interval)
            crash?.reached(.standstill)
            comesRound()
        }
        rest()
    }
}
