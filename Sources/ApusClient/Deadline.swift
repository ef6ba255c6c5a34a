/// Runs `work` and cancels it when the time is up.
///
/// - Throws: what `late` makes of it then, `CancellationError` when the task was cancelled, or what `work` throws.
package func withDeadline<Value: Sendable>(
    _ limit: Duration,
    late: @escaping @Sendable () -> any Error,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw late()
        }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
