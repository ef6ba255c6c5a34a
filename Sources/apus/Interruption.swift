import UnixSignals

private enum Interruption {
    @TaskLocal static var isTrapped = false
}

/// Runs what only waits: Ctrl-C, or another of `signals`, ends the waiting, with a text that says what goes on.
///
/// One within another is part of it: a signal between two in a row would be lost.
func interruptible<Value: Sendable>(
    _ text: @autoclosure @escaping @Sendable () -> String,
    on signals: [UnixSignal] = [.sigint],
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    guard !Interruption.isTrapped else { return try await body() }
    // Before the body begins: whoever sees what it does may send the signal.
    let arriving = await UnixSignalsSequence(trapping: signals)
    return try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await Interruption.$isTrapped.withValue(true) { try await body() } }
        group.addTask {
            for await _ in arriving { throw CommandFailure(.interrupted, text()) }
            throw CancellationError()
        }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}
