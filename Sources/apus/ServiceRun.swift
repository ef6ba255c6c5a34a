import ApusClient
import ApusModel

/// One request about a local service: made, and watched until every executor has what is wanted.
struct ServiceRun {
    /// With a controller that restarts meanwhile.
    private static let patience = Patience(.seconds(30))

    let client: APIClient
    let id: ServiceID
    /// Standard output is for JSON alone.
    let isQuiet: Bool

    init(_ options: APIOptions, _ id: ServiceID) {
        client = options.client
        self.id = id
        isQuiet = options.json
    }

    /// Makes the request and, for a span, follows it.
    ///
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ type: String, _ more: [JSON.Member] = [], following span: Duration?) async throws {
        let service = try await callingAPI {
            let gone = "what was asked for goes on if it was accepted. Look with: apus localservices show \(id)"
            return try await interruptible("No longer waiting; \(gone)") {
                let before = try await client.service(id).lastOperation?.id
                let head = [JSON.Member("type", .string(type)), JSON.Member("serviceId", id.json)]
                try await client.operateService(.object(head + more))
                guard let span else { return try await client.service(id) }
                return try await follow(since: before, for: span)
            }
        }
        report(service)
    }

    func report(_ service: ServiceSummary) {
        Output.line(isQuiet ? service.json.serialized : "\(id): \(service.progress)")
    }

    private func show(_ line: String) {
        if isQuiet { Output.error(line) } else { Output.line(line) }
    }

    private func follow(since before: OperationID?, for span: Duration) async throws -> ServiceSummary {
        let end = ContinuousClock.now + span
        var shown: [String] = []
        while true {
            let service = try await Self.patience.answer { error in
                let line = "waiting for the controller: \(error)"
                if shown.last != line { show(line) }
                shown = [line]
            } _: {
                try await client.service(id)
            }
            if let last = service.lastOperation, last.id != before, last.outcome != "SUCCEEDED" {
                throw CommandFailure(.timedOut, "The \(last.type) of \(id) \(last.outcome): \(last.reason)")
            }
            guard !service.isSettled else { return service }
            let lines = [service.progress] + service.obstacles.map { "  \($0)" }
            for line in lines where !shown.contains(line) { show(line) }
            shown = lines
            guard ContinuousClock.now < end else {
                throw CommandFailure(
                    service.obstacles.isEmpty ? .timedOut : .unhealthy,
                    "Not every executor has \(id) yet: \(lines.joined(separator: "; ")). It goes on."
                )
            }
            try await Task.sleep(for: Self.patience.interval)
        }
    }
}

extension ServiceSummary {
    /// The counts and the state.
    var progress: String { "\(state), wanted \(wanted), running \(live), healthy \(healthy)" }
}
