import ApusModel
import Dispatch
import NIOCore
import NIOPosix
import Synchronization

/// Asks file systems and name servers that may hang for as long as somebody is away: each call has a thread of its own.
///
/// Nobody waits for a late answer. A call that hangs keeps its thread, so there are only so many of them; the next waits
/// for one to end.
package final class Lookups: Sendable {
    /// Whom calls wait for.
    package enum Kind: String, Sendable {
        case fileSystem = "file system"
        case nameServer = "name server"
    }

    private let limit: Int
    private let kind: Kind
    private let gate: Gate

    package init(limit: Int, of kind: Kind = .fileSystem) {
        self.limit = limit
        self.kind = kind
        gate = Gate(limit: limit)
    }

    /// What `work` brings, if it does so in time.
    ///
    /// - Throws: `LookupFailure`, `CancellationError` when the task was cancelled, or what `work` throws.
    package func run<Value: Sendable>(
        within time: Duration,
        doing: String,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let begun = ContinuousClock.now
        if !gate.enterAtOnce() {
            let (limit, kind) = (limit, kind)
            let full: @Sendable () -> any Error = {
                LookupFailure(
                    description: """
                        \(doing): \(limit) earlier look-ups hang, so no other is begun. Find out which \
                        \(kind.rawValue) of this machine does not answer
                        """
                )
            }
            try await withDeadline(time, late: full) { try await self.gate.enter() }
        }
        let left = max(time - (ContinuousClock.now - begun), .milliseconds(1))
        let answer = FirstAnswer<Value>()
        // A queue of its own has a thread of its own.
        DispatchQueue(label: "apus.lookup").async {
            let result = Result { try work() }
            self.gate.leave()
            answer.give(result)
        }
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(left.nanoseconds)) {
            answer.give(
                .failure(
                    LookupFailure(
                        description: "\(doing): the \(self.kind.rawValue) did not answer within \(time). Is it away?"
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
