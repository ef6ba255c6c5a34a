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

    private struct State {
        var underWay = 0
        var lastTicket = 0
        /// Those that no thread has begun, the first one first.
        var waiting: [(ticket: Int, work: @Sendable () -> Void)] = []
    }

    private let limit: Int
    private let kind: Kind
    private let state = Mutex(State())

    package init(limit: Int, of kind: Kind = .fileSystem) {
        self.limit = limit
        self.kind = kind
    }

    /// What `work` brings, if it does so in time.
    ///
    /// - Throws: `LookupFailure`, `CancellationError` when the task was cancelled, or what `work` throws.
    package func run<Value: Sendable>(
        within time: Duration,
        doing: String,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let answer = FirstAnswer<Value>()
        let ticket = begin { answer.give(Result { try work() }) }
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(time.nanoseconds)) {
            let late = "the \(self.kind.rawValue) did not answer within \(time). Is it away?"
            let text = self.drop(ticket) ? self.full : late
            answer.give(.failure(LookupFailure(description: "\(doing): \(text)")))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await answer.wait()
        } onCancel: {
            _ = drop(ticket)
            answer.give(.failure(CancellationError()))
        }
    }

    private var full: String {
        """
        \(limit) earlier look-ups hang, so no other is begun. Find out which \(kind.rawValue) of this machine does not \
        answer
        """
    }

    private func begin(_ work: @escaping @Sendable () -> Void) -> Int {
        let (ticket, hasRoom) = state.withLock { state in
            state.lastTicket += 1
            let hasRoom = state.underWay < limit
            if hasRoom { state.underWay += 1 } else { state.waiting.append((state.lastTicket, work)) }
            return (state.lastTicket, hasRoom)
        }
        // A queue of its own has a thread of its own.
        if hasRoom { DispatchQueue(label: "apus.lookup").async { self.carryOut(work) } }
        return ticket
    }

    /// And what waits, on the same thread: the tasks that asked may be slow to run when the machine is busy.
    private func carryOut(_ work: @Sendable () -> Void) {
        work()
        while let next = next() { next() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().work }
            state.underWay -= 1
            return nil
        }
    }

    /// Whether it waited still; it is not begun any more then.
    private func drop(_ ticket: Int) -> Bool {
        state.withLock { state in
            guard let place = state.waiting.firstIndex(where: { $0.ticket == ticket }) else { return false }
            state.waiting.remove(at: place)
            return true
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
