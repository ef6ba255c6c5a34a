import Synchronization

/// Something that happens once, and may be awaited by many.
package final class Once<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var lastTicket = 0
        var waiting: [Int: CheckedContinuation<Value?, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// `nil` until it has happened.
    package var value: Value? { state.withLock { $0.value } }

    /// It happens now; only the first time counts, of which alone it is `true`.
    @discardableResult
    package func happen(_ value: Value) -> Bool {
        let waiting: [CheckedContinuation<Value?, Never>]? = state.withLock { state in
            guard state.value == nil else { return nil }
            state.value = value
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting ?? [] { continuation.resume(returning: value) }
        return waiting != nil
    }

    /// Waits for it; `nil` if the task is cancelled first.
    package func wait() async -> Value? {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, value) = state.withLock { state in
                    // Looked at under the lock: a later cancellation finds the continuation in the list.
                    if state.value != nil || Task.isCancelled { return (true, state.value) }
                    state.waiting[ticket] = continuation
                    return (false, nil)
                }
                if isOver { continuation.resume(returning: value) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume(returning: nil)
        }
    }
}
