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

/// What of a controller comes round no more.
package struct Hang: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        /// The loop of one that leads.
        case loop
        /// All of it, whatever its role: not even a task is done that does nothing.
        case process
    }

    package var part: Part
    /// So long it has shown nothing.
    package var silence: Duration
}

/// Finds what comes round no more, on a thread of its own: where a loop hangs, all that shares its threads may hang too.
///
/// A hung controller would keep its place in the line, for the client of ZooKeeper has threads of its own, which go on to
/// show it alive.
final class Watchdog: Sendable {
    /// How often it looks, in microseconds.
    private static let pause: UInt32 = 200_000

    private let pulses: [(part: Hang.Part, pulse: Pulse)]
    private let bite: @Sendable (Hang) -> Void
    private let isOver = Mutex(false)

    /// `bite` is told once, on that thread, of the first that hangs.
    init(_ pulses: [(part: Hang.Part, pulse: Pulse)], bite: @escaping @Sendable (Hang) -> Void) {
        self.pulses = pulses
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
        var watches = pulses.map { _ in LoopWatch() }
        let start = ContinuousClock.now
        while !isOver.withLock(\.self) {
            let now = Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds)
            for (index, (part, pulse)) in pulses.enumerated() {
                if case .hung(let silence) = watches[index].look(at: pulse.beat, now) {
                    return bite(Hang(part: part, silence: silence))
                }
            }
            usleep(Self.pause)
        }
    }
}
