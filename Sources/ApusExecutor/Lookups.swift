import ApusModel
import Dispatch
import NIOCore
import NIOPosix
import Synchronization

/// Asks file systems that may hang for as long as their server is away: each call has a thread of its own.
///
/// Nobody waits for a late answer. A call that hangs keeps its thread, so there are only so many of them.
package final class Lookups: Sendable {
    private let limit: Int
    private let underWay = Mutex(0)

    package init(limit: Int) { self.limit = limit }

    /// What `work` brings, if it does so in time.
    ///
    /// - Throws: `LookupFailure`, `CancellationError` when the task was cancelled, or what `work` throws.
    package func run<Value: Sendable>(
        within time: Duration,
        doing: String,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let isFree = underWay.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw LookupFailure(
                description: """
                    \(doing): \(limit) earlier look-ups of volumes hang, so no other is begun. Find out which file \
                    system of this machine does not answer
                    """
            )
        }
        let answer = FirstAnswer<Value>()
        // A queue of its own has a thread of its own.
        DispatchQueue(label: "apus.lookup").async {
            let result = Result { try work() }
            self.underWay.withLock { $0 -= 1 }
            answer.give(result)
        }
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(time.nanoseconds)) {
            answer.give(
                .failure(
                    LookupFailure(
                        description: "\(doing): the file system did not answer within \(time). Is its server away?"
                    )
                )
            )
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await answer.wait()
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }
}

/// A file system did not answer.
package struct LookupFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// The first of several results; what comes later is for nobody.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case none
        case awaited(CheckedContinuation<Value, any Error>)
        case given(Result<Value, any Error>)
    }

    private let state = Mutex(State.none)

    func give(_ result: Result<Value, any Error>) {
        let waiting = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            switch state {
            case .none:
                state = .given(result)
                return nil
            case .awaited(let continuation):
                state = .given(result)
                return continuation
            case .given: return nil
            }
        }
        waiting?.resume(with: result)
    }

    /// Waits for it; to be called once.
    func wait() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let given = state.withLock { state -> Result<Value, any Error>? in
                if case .given(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let given { continuation.resume(with: given) }
        }
    }
}
