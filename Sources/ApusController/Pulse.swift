import Synchronization

/// What a loop shows of itself to its watchdog.
final class Pulse: Sendable {
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
}
