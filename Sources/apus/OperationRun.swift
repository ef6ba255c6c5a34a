import ApusClient
import ApusModel
import UnixSignals

/// One operation: asked for, and watched to its end.
struct OperationRun {
    /// With a controller that restarts meanwhile.
    private static let patience = Patience(.seconds(30))

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
            try await interruptible("No longer waiting; \(gone)") {
                let watch = OperationWatch(type: operation["type"]?.text ?? "", before: try await application())
                _ = try await client.operate(operation)
                guard waiting else { return try await application() }
                return try await follow(watch, isDestruction: operation["type"] == "DESTROY")
            }
        }
    }

    /// Follows an operation that is under way already.
    ///
    /// - Throws: `CommandFailure` if it fails.
    func join(_ underWay: ApplicationSummary.UnderWay) async throws -> ApplicationSummary? {
        try await callingAPI {
            try await interruptible("No longer waiting; \(gone)") {
                try await follow(OperationWatch(underWay), isDestruction: false)
            }
        }
    }

    /// Runs a command of several operations, which Ctrl-C ends between them too.
    func interruptibleAsOne(
        _ body: @escaping @Sendable () async throws -> ApplicationSummary?
    ) async throws -> ApplicationSummary? {
        try await interruptible("No longer waiting; \(gone)", body)
    }

    private var gone: String { "the operation goes on if it was accepted. Look with: apus apps show \(app)" }

    /// Shows the application as it is at the end of a command that changes it.
    func report(_ application: ApplicationSummary?) {
        if isQuiet {
            Output.line((application?.json ?? .members(["appId": app.json])).serialized)
        } else if let application {
            Output.line(
                "\(app): \(application.state), expected \(application.expected), running \(application.running), "
                    + "healthy \(application.healthy)"
            )
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

    private func follow(_ operation: OperationWatch, isDestruction: Bool) async throws -> ApplicationSummary? {
        var watch = operation
        var shown: [String] = []
        while true {
            let application = try await Self.patience.answer { error in
                let line = "waiting for the controller: \(error)"
                if shown.last != line { show(line) }
                shown = [line]
            } _: {
                try await self.application()
            }
            guard let application else {
                if isDestruction { return nil }
                throw CommandFailure(.conflict, "\(app) is gone: it was destroyed meanwhile")
            }
            let lines = application.progress
            for line in lines where !shown.contains(line) { show(line) }
            shown = lines
            switch watch.standing(in: application) {
            case .underWay: break
            case .none: return application
            case .ended(let end):
                try check(end, application)
                return application
            case .lostSight:
                throw CommandFailure(
                    .conflict,
                    "Other operations on \(app) have come since: how this one ended is not known. Look with: "
                        + "apus apps show \(app)"
                )
            }
            try await Task.sleep(for: Self.patience.interval)
        }
    }

    /// Whatever is no success is a failure with its reason.
    private func check(_ end: ApplicationSummary.Ended, _ application: ApplicationSummary) throws {
        let name = "The \(end.type) of \(app)"
        switch end.outcome {
        case "SUCCEEDED": return
        case "SUPERSEDED": throw CommandFailure(.conflict, "\(name) was overtaken: \(end.reason)")
        case "CANCELLED": throw CommandFailure(.conflict, "\(name) was \(end.reason)")
        default:
            let rolledBack = end.outcome == "ROLLED_BACK" ? " and was rolled back" : ""
            let text = "\(name) failed\(rolledBack): \(end.reason)"
            // After a rollback the reason alone says what it was.
            if application.shortfall != nil || end.reason.contains("no room: ") {
                throw CommandFailure(.placement, text)
            }
            let isUnhealthy = application.backoff != nil || end.reason.contains("last failure: ")
            throw CommandFailure(isUnhealthy ? .unhealthy : .timedOut, text)
        }
    }
}

private enum Interruption {
    @TaskLocal static var isTrapped = false
}

/// Runs what only waits: Ctrl-C ends the waiting, with a text that says what goes on.
///
/// One within another is part of it: a signal between two in a row would be lost.
func interruptible<Value: Sendable>(
    _ text: @autoclosure @escaping @Sendable () -> String,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    guard !Interruption.isTrapped else { return try await body() }
    // Before the body begins: whoever sees what it does may send the signal.
    let signals = await UnixSignalsSequence(trapping: .sigint)
    return try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await Interruption.$isTrapped.withValue(true) { try await body() } }
        group.addTask {
            for await _ in signals { throw CommandFailure(.interrupted, text()) }
            throw CancellationError()
        }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
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
