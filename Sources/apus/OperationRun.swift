import ApusClient
import ApusModel
import UnixSignals

/// One operation: asked for, and watched to its end.
struct OperationRun {
    /// How often the state is looked at.
    private static let interval: Duration = .milliseconds(250)
    /// A controller that restarts meanwhile is waited for so long.
    private static let patience: Duration = .seconds(30)

    let client: APIClient
    let app: AppID
    /// Standard output is for JSON alone.
    let isQuiet: Bool

    init(_ options: APIOptions, _ app: AppID) {
        client = options.client
        self.app = app
        isQuiet = options.json
    }

    /// Asks for the operation and, if `waiting`, follows it.
    ///
    /// - Returns: the application as it is then; `nil` if it is gone.
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ operation: JSON, waiting: Bool) async throws -> ApplicationSummary? {
        try await callingAPI {
            let before = try await earlierOperations()
            _ = try await client.operate(operation)
            guard waiting else { return try await application() }
            return try await following(before)
        }
    }

    /// Shows a line of progress.
    func show(_ line: String) {
        if isQuiet { Output.error(line) } else { Output.line(line) }
    }

    /// `nil` if there is none of that id.
    func application() async throws -> ApplicationSummary? {
        do {
            return try await client.application(app)
        } catch let error as ClientError where error.code == .notFound {
            return nil
        }
    }

    private func earlierOperations() async throws -> Set<OperationID> {
        let application = try await application()
        return Set([application?.operation?.id, application?.lastOperation?.id].compactMap(\.self))
    }

    /// Ctrl-C ends the watching, not the operation.
    private func following(_ before: Set<OperationID>) async throws -> ApplicationSummary? {
        try await withThrowingTaskGroup(of: ApplicationSummary?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await watch(before) }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint) {
                    throw CommandFailure(
                        .interrupted,
                        "No longer waiting; the operation goes on. Look with: apus apps show \(app)"
                    )
                }
                throw CancellationError()
            }
            return try await group.next() ?? nil
        }
    }

    private func watch(_ before: Set<OperationID>) async throws -> ApplicationSummary? {
        var shown: [String] = []
        var heard = ContinuousClock.now
        while true {
            do {
                guard let application = try await application() else { return nil }
                heard = .now
                let lines = application.progress
                for line in lines where !shown.contains(line) { show(line) }
                shown = lines
                if let end = try end(of: application, before) { return end }
            } catch let error as ClientError where error.isPassing && ContinuousClock.now - heard < Self.patience {
                let line = "waiting for the controller: \(error)"
                if shown.last != line { show(line) }
                shown = [line]
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// The application if the operation has succeeded, `nil` if it goes on.
    private func end(of application: ApplicationSummary, _ before: Set<OperationID>) throws -> ApplicationSummary? {
        if let operation = application.operation, !before.contains(operation.id) { return nil }
        guard let last = application.lastOperation, !before.contains(last.id) else { return application }
        switch last.outcome {
        case "SUCCEEDED": return application
        case "SUPERSEDED":
            throw CommandFailure(.conflict, "The \(last.type) of \(app) was overtaken: \(last.reason)")
        default:
            let text = "The \(last.type) of \(app) failed: \(last.reason)"
            if application.shortfall != nil { throw CommandFailure(.placement, text) }
            throw CommandFailure(application.backoff == nil ? .timedOut : .unhealthy, text)
        }
    }
}

extension ApplicationSummary {
    /// The counts and the state, and what stands in the way.
    var progress: [String] {
        var lines = ["expected \(expected), running \(running), healthy \(healthy): \(state)"]
        if let shortfall { lines.append("  no room: \(shortfall)") }
        if let backoff, !backoff.reason.isEmpty {
            lines.append("  \(backoff.text): \(backoff.reason)")
        }
        return lines
    }
}

extension ApplicationSummary.Backoff {
    /// A failure after it had been healthy for a while is not counted.
    var text: String { failures > 1 ? "failed \(failures) times in a row" : "last failure" }
}

extension ClientError {
    /// A controller that restarts looks like this for a while.
    fileprivate var isPassing: Bool {
        switch code {
        case .unreachable, .timedOut, .status(503, _): true
        case .refused(let texts): texts.contains { $0.contains("not the leader controller") }
        case .notFound, .status, .unreadable: false
        }
    }
}
