package import ApusClient
import ApusTestKit

/// Asks all controllers for a change, each again and again, until one accepts.
///
/// `write` asks for a change of its own each time: several may be accepted.
///
/// - Throws: `Unfulfilled` if none accepts within the limit, or what `write` throws beside `ClientError`.
package func untilAccepted(
    by controllers: [APIClient],
    within limit: Duration = .seconds(60),
    _ write: @escaping @Sendable (APIClient) async throws -> Void
) async throws {
    try await withDeadline(limit, late: { Unfulfilled("no controller accepted a change within \(limit)") }) {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for controller in controllers { group.addTask { try await persist(controller, write) } }
            try await group.next()
        }
    }
}

/// Asks one until it accepts.
private func persist(
    _ controller: APIClient,
    _ write: @escaping @Sendable (APIClient) async throws -> Void
) async throws {
    let patience = Duration.seconds(1)
    while true {
        try Task.checkCancellation()
        do {
            let late = { @Sendable in ClientError(.timedOut, "no answer within \(patience)") }
            return try await withDeadline(patience, late: late) { try await write(controller) }
        } catch is ClientError {
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
