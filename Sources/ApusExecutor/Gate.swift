import Synchronization

/// Lets a bounded number through at a time, in the order of their coming.
final class Gate: Sendable {
    private struct State {
        var free: Int
        var lastTicket = 0
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private let state: Mutex<State>

    init(limit: Int) { state = Mutex(State(free: limit)) }

    /// Runs `work` once there is room.
    ///
    /// - Throws: `CancellationError` if the task was cancelled while it waited, or what `work` throws.
    func pass<Value>(_ work: () async throws -> Value) async throws -> Value {
        try await enter()
        defer { leave() }
        return try await work()
    }

    /// As `pass`.
    ///
    /// - Throws: `DeadlinePassed` too, if there was no room within `limit`.
    func pass<Value>(
        waitingAtMost limit: Duration,
        doing: String,
        _ work: () async throws -> Value
    ) async throws -> Value {
        // Mostly there is room, and nobody has to watch the time.
        if !enterAtOnce() { try await within(limit, doing: doing) { try await self.enter() } }
        defer { leave() }
        return try await work()
    }

    private func enterAtOnce() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    private func enter() async throws {
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
                    state.waiting.append((ticket, continuation))
                    return nil
                }
                if let decision { continuation.resume(with: decision) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0).continuation }
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
