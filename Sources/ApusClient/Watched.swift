import Synchronization

/// A value that others wait for: each change of it wakes all who do.
final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var changes = 0
        var lastTicket = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]

        mutating func changed() -> [CheckedContinuation<Void, Never>] {
            changes += 1
            defer { waiting = [:] }
            return Array(waiting.values)
        }
    }

    private let state: Mutex<State>

    init(_ value: Value) { state = Mutex(State(value: value)) }

    /// Changes it and wakes whoever waits.
    @discardableResult
    func change<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        let (result, woken) = state.withLock { state in (body(&state.value), state.changed()) }
        for one in woken { one.resume() }
        return result
    }

    /// Waits until `body` gives something; only then it may have changed the value.
    ///
    /// - Throws: `CancellationError` if the task was cancelled meanwhile.
    func wait<Result: Sendable>(_ body: (inout Value) -> Result?) async throws -> Result {
        while true {
            try Task.checkCancellation()
            let (result, seen, woken) = state.withLock { state in
                let result = body(&state.value)
                return (result, state.changes, result == nil ? [] : state.changed())
            }
            for one in woken { one.resume() }
            if let result { return result }
            await next(after: seen)
        }
    }

    /// Returns once there have been more changes than that, or the task is cancelled.
    private func next(after seen: Int) async {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    // Looked at under the lock: a later cancellation finds the continuation in the list.
                    guard !Task.isCancelled, state.changes == seen else { return true }
                    state.waiting[ticket] = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
        }
    }
}
