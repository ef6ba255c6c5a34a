import ApusClient
import ApusModel

/// One operation on an application: asked for, and watched to its end.
struct OperationRun {
    let client: APIClient
    let app: AppID
    /// Standard output is for JSON alone.
    let isQuiet: Bool
    private let follower: Follower

    /// `command` shows the application to whoever stops waiting.
    init(_ options: APIOptions, _ app: AppID, command: String? = nil) throws {
        client = try options.client
        self.app = app
        isQuiet = options.json
        follower = Follower(name: "\(app)", command: command ?? "apus apps show \(app)", isQuiet: isQuiet)
    }

    /// Asks for the operation and, if `waiting`, follows it.
    ///
    /// - Returns: the application as it is then; `nil` if it is gone.
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ operation: JSON, waiting: Bool) async throws -> ApplicationSummary? {
        try await callingAPI {
            try await interruptible("No longer waiting; \(follower.gone)") {
                let watch = OperationWatch(type: operation["type"]?.text ?? "", before: try await application())
                _ = try await client.operate(operation)
                guard waiting else { return try await application() }
                let application = try await follower.follow(watch) { try await client.application(app) }
                guard application != nil || operation["type"] == "DESTROY" else { throw follower.goneMeanwhile }
                return application
            }
        }
    }

    /// Follows an operation that is under way already.
    ///
    /// - Throws: `CommandFailure` if it fails.
    func join(_ underWay: ApplicationSummary.UnderWay) async throws -> ApplicationSummary {
        try await callingAPI {
            try await interruptible("No longer waiting; \(follower.gone)") {
                let watch = OperationWatch(underWay)
                guard let application = try await follower.follow(watch, { try await client.application(app) }) else {
                    throw follower.goneMeanwhile
                }
                return application
            }
        }
    }

    /// Runs a command of several operations, which Ctrl-C ends between them too.
    func interruptibleAsOne(
        _ body: @escaping @Sendable () async throws -> ApplicationSummary?
    ) async throws -> ApplicationSummary? {
        try await interruptible("No longer waiting; \(follower.gone)", body)
    }

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
    func show(_ line: String) { follower.show(line) }

    /// `nil` if there is none of that id.
    func application() async throws -> ApplicationSummary? {
        try await follower.present { try await client.application(app) }
    }
}

extension ApplicationSummary: Followed {
    var progress: [String] {
        var lines = ["expected \(expected), running \(running), healthy \(healthy): \(state)"]
        if let shortfall { lines.append("  no room: \(shortfall)") }
        if let backoff, !backoff.reason.isEmpty {
            lines.append("  \(backoff.text): \(backoff.reason)")
        }
        return lines
    }

    /// After a rollback the reason alone says what it was.
    func failure(because reason: String) -> CommandFailure.Code {
        if shortfall != nil || reason.contains("no room: ") { return .placement }
        return backoff != nil || reason.contains("last failure: ") ? .unhealthy : .timedOut
    }
}

extension ApplicationSummary.Backoff {
    /// A failure after it had been healthy for a while is not counted.
    var text: String { failures > 1 ? "failed \(failures) times in a row" : "last failure" }
}
