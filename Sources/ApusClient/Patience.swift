/// A call that is repeated while a controller restarts.
package struct Patience: Sendable {
    /// Without any answer for so long it is over.
    package var limit: Duration
    package var interval: Duration

    package init(_ limit: Duration, interval: Duration = .milliseconds(250)) {
        self.limit = limit
        self.interval = interval
    }

    /// Repeats the call until it has an answer; `waiting` hears of each that had none.
    ///
    /// - Throws: what the call throws if that is an answer, or the last of its failures at the limit.
    package func answer<Value>(
        _ waiting: (ClientError) -> Void,
        _ call: () async throws -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        while true {
            do {
                return try await call()
            } catch let error as ClientError where error.isPassing && ContinuousClock.now - start < limit {
                waiting(error)
            }
            try await Task.sleep(for: interval)
        }
    }
}

extension ClientError {
    /// A controller that restarts looks like this for a while; whether a change was made is unknown.
    package var isPassing: Bool {
        switch code {
        case .unreachable, .leaderless, .timedOut, .status(503, _): true
        case .refused: saysNotLeading
        case .untrusted, .notFound, .status, .unreadable: false
        }
    }
}
