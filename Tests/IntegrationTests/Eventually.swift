struct Unfulfilled: Error, CustomStringConvertible {
    var description: String
}

func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw Unfulfilled(description: what()) }
}

/// Waits for something; what it last threw tells why it did not come, with the end of a log.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(60),
    log: () -> String = { "" },
    _ attempt: () async throws -> Void
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        do {
            return try await attempt()
        } catch {
            guard ContinuousClock.now < deadline else {
                throw Unfulfilled(description: "not within \(limit): \(what) (\(error))\n\(log())")
            }
            // deadline: above.
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }
}
