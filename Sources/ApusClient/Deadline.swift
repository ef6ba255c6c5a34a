/// Runs `work` and cancels it when the time is up; what it brings in spite of that counts.
///
/// - Throws: what `late` makes of it when the time is up, `CancellationError` when the task was cancelled, or what `work`
///   throws.
package func withDeadline<Value: Sendable>(
    _ limit: Duration,
    late: @escaping @Sendable () -> any Error,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
        group.addTask {
            do { return .success(try await work()) } catch { return .failure(error) }
        }
        group.addTask {
            do {
                try await Task.sleep(for: limit)
                return .failure(late())
            } catch {
                return nil
            }
        }
        var first: Result<Value, any Error>?
        for await result in group {
            group.cancelAll()
            if case .success? = result { return result }
            first = first ?? result
        }
        return first
    }
    guard let result else { throw CancellationError() }
    return try result.get()
}
