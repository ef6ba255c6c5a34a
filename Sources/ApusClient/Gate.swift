import Synchronization

/// Lets a bounded number through at a time, in the order of their coming; some ahead of all others.
package final class Gate: Sendable {
    private struct State {
        var free: Int
        var lastTicket = 0
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        /// So many of those who wait came to be ahead.
        var ahead = 0

        mutating func take(at index: Int) -> CheckedContinuation<Void, any Error> {
            if index < ahead { ahead -= 1 }
            return waiting.remove(at: index).continuation
        }
    }

    private let state: Mutex<State>

    package init(limit: Int) { state = Mutex(State(free: limit)) }

    /// Runs `work` once there is room.
    ///
    /// - Throws: `CancellationError` if the task was cancelled while it waited, or what `work` throws.
    package func pass<Value>(ahead: Bool = false, _ work: () async throws -> Value) async throws -> Value {
        try await enter(ahead: ahead)
        defer { leave() }
        return try await work()
    }

    /// Takes a place if there is one; `leave` gives it back.
    package func enterAtOnce() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    /// Waits for a place; `leave` gives it back.
    ///
    /// - Throws: `CancellationError` if the task was cancelled while it waited.
    package func enter(ahead: Bool = false) async throws {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let decision: Result<Void, any Error>? = state.withLock { state in
                    // Looked at under the lock: a later cancellation finds the continuation in the list.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    guard state.free == 0 else {
                        state.free -= 1
                        return .success(())
                    }
                    state.waiting.insert((ticket, continuation), at: ahead ? state.ahead : state.waiting.count)
                    if ahead { state.ahead += 1 }
                    return nil
                }
                if let decision { continuation.resume(with: decision) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.ticket == ticket }.map { state.take(at: $0) }
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    package func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard state.waiting.isEmpty else { return state.take(at: 0) }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
