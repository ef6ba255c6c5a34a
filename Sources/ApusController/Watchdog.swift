import ApusModel
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds a leader's loop that comes round no more, on a thread of its own: where the loop hangs, all that shares its
/// threads may hang too.
///
/// A hung leader would stay the first in the line, for the client of ZooKeeper has threads of its own, which go on to show
/// it alive.
final class Watchdog: Sendable {
    /// How often it looks, in microseconds.
    private static let pause: UInt32 = 200_000

    private let pulse: Pulse
    private let bite: @Sendable (Duration) -> Void
    private let isOver = Mutex(false)

    /// `bite` is told once, on that thread, for how long the loop has shown nothing.
    init(_ pulse: Pulse, bite: @escaping @Sendable (Duration) -> Void) {
        self.pulse = pulse
        self.bite = bite
    }

    /// Watches until it is cancelled; the thread has ended by then.
    func run() async {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        await withTaskCancellationHandler {
            // try?: it throws only if it is cancelled before it began.
            try? await thread.runIfActive { [self] in watch() }
        } onCancel: {
            isOver.withLock { $0 = true }
        }
        // try?: nothing runs on it any more.
        try? await thread.shutdownGracefully()
    }

    private func watch() {
        var watch = LoopWatch()
        let start = ContinuousClock.now
        while !isOver.withLock(\.self) {
            let now = Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds)
            if case .hung(let silence) = watch.look(at: pulse.beat, now) { return bite(silence) }
            usleep(Self.pause)
        }
    }
}
