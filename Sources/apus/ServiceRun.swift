import ApusClient
import ApusModel

/// One request about a local service: made, and watched until it is done.
struct ServiceRun {
    let client: APIClient
    let id: ServiceID
    /// Standard output is for JSON alone.
    let isQuiet: Bool
    private let follower: Follower

    init(_ options: APIOptions, _ id: ServiceID) throws {
        client = try options.client
        self.id = id
        isQuiet = options.json
        follower = Follower(name: "\(id)", command: "apus localservices show \(id)", isQuiet: isQuiet)
    }

    /// Makes the request and, for a span, waits until every executor has what is wanted.
    ///
    /// - Throws: `CommandFailure` if it was refused, or not done in time.
    func perform(_ type: String, _ more: [JSON.Member] = [], following span: Duration?) async throws {
        report(try await carryOut(type, more, following: span))
    }

    /// As `perform`, and shows nothing of the end.
    ///
    /// - Returns: the service as it is then.
    func carryOut(_ type: String, _ more: [JSON.Member] = [], following span: Duration?) async throws -> ServiceSummary
    {
        try await ask(type, more) { _ in
            guard let span else { return try await client.service(id) }
            let end = ContinuousClock.now + span
            return try await follower.follow {
                try await client.service(id)
            } until: { service in
                guard !service.isSettled, ContinuousClock.now >= end else { return service.isSettled }
                throw CommandFailure(
                    service.obstacles.isEmpty ? .timedOut : .unhealthy,
                    "Not every executor has \(id) yet: \(service.progress.joined(separator: "; ")). It goes on."
                )
            }
        }
    }

    /// Asks for an operation and, if `waiting`, follows it to its end; `kind` is what it is called under way.
    ///
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ type: String, as kind: String? = nil, _ more: [JSON.Member], waiting: Bool) async throws {
        let service = try await ask(type, more) { before in
            guard waiting else { return try await client.service(id) }
            let watch = OperationWatch(type: kind ?? type, before: before)
            return try await follower.follow(watch) { try await client.service(id) }
        }
        report(service)
    }

    /// `waiting` takes the service as it was before the request, and gives it as it is in the end.
    private func ask(
        _ type: String,
        _ more: [JSON.Member],
        _ waiting: @escaping @Sendable (ServiceSummary) async throws -> ServiceSummary?
    ) async throws -> ServiceSummary {
        let service = try await callingAPI {
            try await interruptible("No longer waiting; \(follower.gone)") {
                let before = try await client.knownService(id)
                let head = [JSON.Member("type", .string(type)), JSON.Member("serviceId", id.json)]
                try await client.operateService(.object(head + more))
                return try await waiting(before)
            }
        }
        guard let service else { throw follower.goneMeanwhile }
        return service
    }

    func report(_ service: ServiceSummary) {
        Output.line(isQuiet ? service.json.serialized : "\(id): \(service.counts)")
    }
}

extension ServiceSummary: Followed {
    /// The state and the counts.
    var counts: String { "\(state), wanted \(wanted), running \(live), healthy \(healthy)" }

    var progress: [String] { [counts] + obstacles.map { "  \($0)" } }

    func failure(because reason: String) -> CommandFailure.Code {
        if reason.contains("no room: ") { return .placement }
        return obstacles.isEmpty ? .timedOut : .unhealthy
    }
}
