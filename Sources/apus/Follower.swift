import ApusClient
import ApusModel

/// What a command waits for, as it shows it meanwhile.
protocol Followed: Operated {
    /// The counts and the state, and what stands in the way.
    var progress: [String] { get }
    /// What an operation that failed for that reason failed of.
    func failure(because reason: String) -> CommandFailure.Code
}

/// Waits for a controller's work to be done, and shows how it comes along.
struct Follower: Sendable {
    /// With a controller that restarts meanwhile.
    static let patience = Patience(.seconds(30))

    /// What is waited for, for people.
    let name: String
    /// The command that shows it.
    let command: String
    /// Standard output is for JSON alone.
    let isQuiet: Bool

    var gone: String { "what was asked for goes on if it was accepted. Look with: \(command)" }

    func show(_ line: String) {
        if isQuiet { Output.error(line) } else { Output.line(line) }
    }

    /// Asks again and again until `isDone`, and shows each line of its progress once; on a terminal one line tells all
    /// of it, until it is done.
    ///
    /// - Returns: it as it is then; `nil` if it is gone.
    func follow<Subject: Followed>(
        _ ask: () async throws -> Subject,
        until isDone: (Subject) throws -> Bool
    ) async throws -> Subject? {
        var shown: [String] = []
        let live = isQuiet ? nil : LiveLine()
        defer { live?.clear() }
        while true {
            let subject = try await Self.patience.answer { error in
                let line = "waiting for the controller: \(error)"
                if shown.last != line { tell([line], live, besides: []) }
                shown = [line]
            } _: {
                try await present(ask)
            }
            guard let subject else { return nil }
            let lines = subject.progress
            tell(lines, live, besides: shown)
            shown = lines
            if try isDone(subject) { return subject }
            try await Task.sleep(for: Self.patience.interval)
        }
    }

    private func tell(_ lines: [String], _ live: LiveLine?, besides shown: [String]) {
        guard let live else {
            for line in lines where !shown.contains(line) { show(line) }
            return
        }
        live.show(lines.map { String($0.drop { $0 == " " }) }.joined(separator: "; "))
    }

    /// `nil` if there is none of that id.
    func present<Subject>(_ ask: () async throws -> Subject) async throws -> Subject? {
        do {
            return try await ask()
        } catch let error as ClientError where error.code == .notFound {
            return nil
        }
    }

    /// Follows an operation to its end.
    ///
    /// - Throws: `CommandFailure` if that is no success.
    func follow<Subject: Followed>(
        _ operation: OperationWatch,
        _ ask: () async throws -> Subject
    ) async throws -> Subject? {
        var watch = operation
        return try await follow(ask) { subject in
            switch watch.standing(in: subject) {
            case .underWay: return false
            case .none: return true
            case .ended(let end):
                try check(end, subject)
                return true
            case .lostSight:
                throw CommandFailure(
                    .conflict,
                    "Other operations on \(name) have come since: how this one ended is not known. Look with: \(command)"
                )
            }
        }
    }

    var goneMeanwhile: CommandFailure { CommandFailure(.conflict, "\(name) is gone: it was destroyed meanwhile") }

    /// Whatever is no success is a failure with its reason.
    private func check(_ end: ApplicationSummary.Ended, _ subject: some Followed) throws {
        let operation = "The \(end.type) of \(name)"
        switch end.outcome {
        case "SUCCEEDED": return
        case "SUPERSEDED": throw CommandFailure(.conflict, "\(operation) was overtaken: \(end.reason)")
        case "CANCELLED": throw CommandFailure(.conflict, "\(operation) was \(end.reason)")
        default:
            let rolledBack = end.outcome == "ROLLED_BACK" ? " and was rolled back" : ""
            // A rollout's reason says so too.
            let said = "rolled back: "
            let reason = end.reason.hasPrefix(said) ? String(end.reason.dropFirst(said.count)) : end.reason
            throw CommandFailure(subject.failure(because: reason), "\(operation) failed\(rolledBack): \(reason)")
        }
    }
}
