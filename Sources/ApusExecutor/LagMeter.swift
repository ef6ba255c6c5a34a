import ApusModel
import NIOCore
import Synchronization

/// Finds out how late this program does what is due, on an event loop and among its tasks.
///
/// A check that runs out of time while its own executor stands still says nothing about the application.
final class LagMeter: Sendable {
    private static let tick = Duration.milliseconds(100)

    private struct State {
        var taskDue: ContinuousClock.Instant
        var loopDue: ContinuousClock.Instant
        var worst = Duration.zero
    }

    private let loop: any EventLoop
    private let state: Mutex<State>

    init(on loop: any EventLoop) {
        self.loop = loop
        let due = ContinuousClock.now + Self.tick
        state = Mutex(State(taskDue: due, loopDue: due))
    }

    /// Runs `work` and tells beside what it brings how late something due was meanwhile, at worst.
    func measure<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> (Value, lag: Duration) {
        let spacing = TimeAmount.nanoseconds(Self.tick.nanoseconds)
        let ticking = loop.scheduleRepeatedTask(initialDelay: spacing, delay: spacing) { [self] _ in tick(\.loopDue) }
        defer { ticking.cancel() }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await work() }
            group.addTask { [self] in
                while !Task.isCancelled {
                    do { try await Task.sleep(until: state.withLock(\.taskDue)) } catch { break }
                    tick(\.taskDue)
                }
                return nil
            }
            for try await case let value? in group { return (value, worst) }
            throw CancellationError()
        }
    }

    private func tick(_ due: any WritableKeyPath<State, ContinuousClock.Instant> & Sendable) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.worst = max(state.worst, now - state[keyPath: due])
            state[keyPath: due] = now + Self.tick
        }
    }

    /// What is overdue at this moment counts too.
    private var worst: Duration {
        let now = ContinuousClock.now
        return state.withLock { max($0.worst, now - $0.taskDue, now - $0.loopDue) }
    }
}
