import Synchronization

/// Wakes those who wait for something new; what that is they look for themselves.
package final class NewsBell: Sendable {
    /// More do not wait at a time: a cluster has few controllers.
    private static let mostWaiting = 32

    private struct State {
        var isOver = false
        var last = 0
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    func ring() {
        for one in state.withLock({ Array($0.waiting.values) }) { one.yield() }
    }

    /// Nobody waits any more, for good.
    func dismiss() {
        let waiting = state.withLock { state in
            state.isOver = true
            return Array(state.waiting.values)
        }
        for one in waiting { one.finish() }
    }

    /// Looks now and at each ring until there is something, or the time is up.
    ///
    /// - Returns: `false` if too many wait already: it has not looked then.
    func wait(
        for span: Duration,
        until isThere: @escaping @Sendable () async -> Bool
    ) async -> Bool {
        let (rings, ringing) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number: Int? = state.withLock { state in
            guard state.waiting.count < Self.mostWaiting else { return nil }
            state.last += 1
            state.waiting[state.last] = ringing
            if state.isOver { ringing.finish() }
            return state.last
        }
        guard let number else { return false }
        defer { state.withLock { $0.waiting[number] = nil } }
        guard await !isThere(), span > .zero else { return true }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in rings where await isThere() { return }
            }
            // try?: cancelled means that nobody waits any more.
            group.addTask { try? await Task.sleep(for: span) }
            await group.next()
            group.cancelAll()
        }
        return true
    }
}
