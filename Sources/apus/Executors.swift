import ApusClient
import ApusModel
import ArgumentParser

/// The commands about executors.
struct Executors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executors",
        abstract: "Look at executors, and keep work away from them.",
        discussion: """
            An executor is named by its id, of which the beginning is enough, or by its hostname; --tag and --zone name \
            all that have the tag or stand in the zone.
            """,
        subcommands: [
            ExecutorsList.self, ExecutorsShow.self, ExecutorsBlacklist.self, ExecutorsUnblacklist.self,
            ExecutorsSuspend.self, ExecutorsResume.self, ExecutorsRetire.self, ExecutorsConfirmStops.self,
        ]
    )
}

/// The executors that a user means.
struct ExecutorArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("Ids, beginnings of ids, or hostnames.", valueName: "executor"))
    var names: [String] = []

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("All executors with this tag. May be repeated.", valueName: "tag")
    )
    var tags: [String] = []

    @Option(
        name: .customLong("zone"),
        help: ArgumentHelp("All executors in this zone. May be repeated.", valueName: "zone")
    )
    var zones: [String] = []

    func validate() throws {
        guard !names.isEmpty || !tags.isEmpty || !zones.isEmpty else {
            throw ValidationError("name at least one executor, or give --tag or --zone")
        }
        guard !(names + tags + zones).contains("") else { throw ValidationError("an executor, tag or zone is empty") }
    }

    func selection(_ client: APIClient) async throws -> APIClient.Selection {
        let known = names.isEmpty ? [] : try await client.executorSummaries()
        return APIClient.Selection(ids: try names.map { try known.named($0).id }, tags: tags, zones: zones)
    }
}

extension [ExecutorSummary] {
    /// The one of that id, of an id that begins so, or of that hostname.
    ///
    /// - Throws: `CommandFailure` if there is none, or more than one.
    func named(_ name: String) throws -> ExecutorSummary {
        if let exact = first(where: { $0.id.rawValue == name }) { return exact }
        let matches = filter { $0.id.rawValue.hasPrefix(name) || $0.hostname == name }
        guard let match = matches.first else { throw CommandFailure(.other, "No executor is called \(name)") }
        guard matches.count == 1 else {
            let ids = matches.map(\.id.rawValue).joined(separator: ", ")
            throw CommandFailure(.conflict, "\(name) may be any of \(ids): name one of them")
        }
        return match
    }
}

/// Asks something of executors, and shows what came of it.
struct DutyRun {
    let executors: ExecutorArguments
    let api: APIOptions

    func perform(_ order: APIClient.DutyOrder, options: [String] = []) async throws -> JSON {
        try await callingAPI {
            let selection = try await executors.selection(api.client)
            return try await api.client.order(order, selection, options: options)
        }
    }

    func show(_ data: JSON, _ ids: String, _ done: String) {
        guard !api.json else { return Output.line(data.serialized) }
        guard case .array(let executors)? = data[ids] else { return }
        for id in executors.compactMap(\.text) { Output.line("\(id) \(done)") }
    }
}
