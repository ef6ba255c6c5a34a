/// What a test or a benchmark waited for did not come in time.
package struct Unfulfilled: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Looks again and again until the condition holds.
///
/// - Throws: `Unfulfilled` after the limit, which only a broken program reaches; or what the condition throws.
package func eventually(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Unfulfilled("not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Tries until it succeeds.
///
/// - Throws: `Unfulfilled` after the limit, with what the attempt last threw and the end of a log.
package func until(
    _ what: String,
    within limit: Duration = .seconds(60),
    every pause: Duration = .milliseconds(50),
    log: () -> String = { "" },
    _ attempt: () async throws -> Void
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        do {
            return try await attempt()
        } catch {
            guard ContinuousClock.now < deadline else {
                throw Unfulfilled("not within \(limit): \(what) (\(error))\n\(log())")
            }
            try await Task.sleep(for: pause)
        }
    }
}
