import ApusClient
import ApusModel
import ArgumentParser

/// Back to an earlier version of an application.
struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Go back to the version of an application that ran before.",
        discussion: """
            The version that was suspended last takes the place of the one that runs, a few instances at a time; one \
            whose own rollout failed is not gone back to, unless --to names it. Doing it again goes forward again.
            """
    )

    @Argument(
        help: ArgumentHelp("The application's NAME, or the version that runs.", valueName: "name"),
        completion: LiveNames.namedApplications
    )
    var name: String

    @Option(
        help: ArgumentHelp("Go to this version, NAME-VERSION.", valueName: "id"),
        completion: LiveNames.applications
    )
    var to: String?

    @OptionGroup var options: RolloutOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard !name.isEmpty, to != "" else {
            throw ValidationError("an application is named by NAME, not by an empty text")
        }
    }

    func run() async throws {
        let known = try await callingAPI { try await KnownApps(api.client) }
        switch RollbackChoice(name, to: to.map { AppID($0) }, among: known.all) {
        case .unknown: throw known.notFound(name)
        case .refused(let reason): throw CommandFailure(.conflict, reason)
        case .back(let from, let to):
            let line = "\(to.id) takes the place of \(from.id) again, with \(from.countText)"
            if api.json { Output.error(line) } else { Output.line(line) }
            let count = from.share.map(InstanceCount.share) ?? .number(from.expected + to.expected)
            let run = try RolloutRun(api, from: from.id, to: to.id)
            let end = try await run.perform(count, options.rolloutJSON, waiting: options.wait)
            try OperationRun(api, to.id).report(end)
        }
    }
}

extension ApplicationSummary {
    fileprivate var countText: String {
        share.map { "\($0.text) of what the cluster holds" } ?? (expected == 1 ? "1 instance" : "\(expected) instances")
    }
}
