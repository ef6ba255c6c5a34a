import ApusClient
import ApusModel
import Synchronization

/// What clients asked of registers, all at once, and what they were told.
package final class RegisterHistory: Sendable {
    /// What came of a call.
    package enum Outcome: Hashable, Sendable {
        case done
        /// It was understood and refused, or reached nobody, so nothing came of it.
        case refused
        /// Nobody knows.
        case unknown

        init(_ error: any Error) {
            guard let error = error as? ClientError else {
                self = .unknown
                return
            }
            switch error.code {
            case .refused, .notFound, .untrusted: self = .refused
            // 503 and its like do not say that nothing came of it.
            case .status(let code, _): self = (400..<500).contains(code) ? .refused : .unknown
            case .unreachable, .leaderless, .timedOut, .unreadable: self = error.isUnsent ? .refused : .unknown
            }
        }
    }

    private let start = ContinuousClock.now
    private let calls = Mutex<[String: [RegisterCall]]>([:])

    package init() {}

    /// Writes by `call`, and notes when and with what outcome.
    package func write(_ value: Int, to key: String, by client: Int, _ call: () async throws -> Void) async -> Outcome {
        var write = RegisterCall(client: client, .write(value), invoked: now, returned: nil)
        let outcome: Outcome
        do {
            try await call()
            write.returned = now
            outcome = .done
        } catch {
            outcome = Outcome(error)
        }
        if outcome != .refused { note(write, key) }
        return outcome
    }

    /// Reads by `call`, and notes when and what it answered.
    package func read(_ key: String, by client: Int, _ call: () async throws -> Int) async -> Outcome {
        let invoked = now
        do {
            let value = try await call()
            note(RegisterCall(client: client, .read(value), invoked: invoked, returned: now), key)
            return .done
        } catch {
            return Outcome(error)
        }
    }

    /// How many calls were answered, how many of these were writes, and how many writes were not answered.
    package var counts: (answered: Int, written: Int, unanswered: Int) {
        calls.withLock { calls in
            calls.values.joined().reduce(into: (answered: 0, written: 0, unanswered: 0)) { counts, call in
                guard call.returned != nil else { return counts.unanswered += 1 }
                counts.answered += 1
                if case .write = call.action { counts.written += 1 }
            }
        }
    }

    /// What no order of each register's calls explains, by its key.
    package func violations(initially value: Int) -> [String: RegisterCall.Violation] {
        calls.withLock { $0 }.compactMapValues { RegisterCall.violation(of: $0, initially: value) }
    }

    private var now: Moment { Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds) }

    private func note(_ call: RegisterCall, _ key: String) { calls.withLock { $0[key, default: []].append(call) } }
}
