import ApusClient
import ApusController
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show who changed what, and what the controller decided by itself and why.",
        discussion: """
            The newest are shown, the oldest of them first. Several conditions hold together. With --json it is the API's \
            data, the newest first; with --follow too each line is one record.
            """
    )

    /// The API gives no more at a time.
    static let largestPage = 1_000
    private static let mostRecords = 100_000

    @Flag(name: .shortAndLong, help: "Go on with what comes, until this is interrupted.")
    var follow = false

    @Option(help: ArgumentHelp("Only what happened since then, as 90s, 5m or 1h ago.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only what this user did, or this controller decided.", valueName: "name"))
    var actor: String?

    @Option(help: ArgumentHelp("Only this action, APPLICATION_SCALE or EXECUTOR_LOST say.", valueName: "action"))
    var action: String?

    @Option(
        help: ArgumentHelp(
            "Only what concerns this application, local service, task (SOURCE/TASK), instance, executor or user.",
            valueName: "id"
        )
    )
    var subject: String?

    @Option(help: ArgumentHelp("Only what was asked for from this address.", valueName: "ip"))
    var source: String?

    @Option(help: ArgumentHelp("At most so many, 1 to 100000.", valueName: "n"))
    var size = 100

    @OptionGroup var api: APIOptions

    func validate() throws {
        try since?.validateDuration()
        guard (1...Self.mostRecords).contains(size) else { throw ValidationError("--size must be 1 to 100000") }
    }

    func run() async throws {
        let conditions = try conditions()
        try await callingAPI {
            let reading = try AuditReading(client: api.client, conditions: conditions)
            let found = try await reading.newest(size)
            guard !follow else {
                for record in found.records.reversed() { show(record) }
                return try await goOn(reading, behind: found.ends)
            }
            guard !api.json else { return Output.line(found.json.serialized) }
            Output.list(
                ["TIME", "WHO", "FROM", "ACTION", "SUBJECT", "OUTCOME", "CAUSE"],
                found.records.reversed().map(\.cells),
                orElse: "nothing of that kind is in the audit log"
            )
        }
    }

    private func conditions() throws -> [(name: String, value: String)] {
        var conditions: [(name: String, value: String)] = []
        if let since {
            let age = try DurationText(parsing: since).duration.milliseconds
            let begin = max(0, Int64(Date().timeIntervalSince1970 * 1000) - age)
            conditions.append((name: "since", value: "\(begin)"))
        }
        let texts = [("actor", actor), ("action", action), ("subject", subject), ("source", source)]
        for case (let name, let value?) in texts { conditions.append((name: name, value: value)) }
        return conditions
    }

    private func show(_ record: AuditSummary) {
        Output.line(api.json ? record.json.serialized : record.cells.filter { $0 != "-" }.joined(separator: "  "))
    }

    /// Runs until a failure that does not pass.
    private func goOn(_ reading: AuditReading, behind ends: AuditEnds) async throws {
        let (pause, patience) = (Duration.seconds(1), Duration.seconds(300))
        var (ends, told, heard) = (ends, "", ContinuousClock.now)
        while true {
            try await Task.sleep(for: pause)
            do {
                let news = try await reading.all(behind: ends)
                for record in news.records.reversed() { show(record) }
                ends.take(news.ends)
                (told, heard) = ("", ContinuousClock.now)
            } catch let error as ClientError where error.isPassing && ContinuousClock.now - heard < patience {
                if told != error.message { Output.error("apus: waiting for the controller: \(error)") }
                told = error.message
            }
        }
    }
}

extension AuditSummary {
    /// For people.
    fileprivate var cells: [String] {
        let texts = [operation, cause.isEmpty ? nil : cause].compactMap(\.self)
        return [
            time.utc, actor.isEmpty ? "-" : actor, source.flatMap { $0.isEmpty ? nil : $0 } ?? "-", action, subject,
            outcome, texts.isEmpty ? "-" : texts.joined(separator: ": "),
        ]
    }
}
