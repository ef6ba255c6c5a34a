import ApusClient
import ApusModel
import ArgumentParser

/// The commands about executors.
struct Executors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executors",
        abstract: "Look at executors, and keep work away from them.",
        discussion: """
            An executor is named by its id, of which the beginning is enough, by its hostname, or by HOST:PORT; --tag \
            and --zone name all that have the tag or stand in the zone, --all names every one. Those that are meant are \
            asked together: what moves off one of them moves to none of the others.
            """,
        subcommands: [
            ExecutorsList.self, ExecutorsShow.self, ExecutorsDrain.self, ExecutorsBlacklist.self,
            ExecutorsUnblacklist.self, ExecutorsSuspend.self, ExecutorsResume.self, ExecutorsRetire.self,
            ExecutorsConfirmStops.self,
        ]
    )
}

/// The executors that a user means.
struct ExecutorArguments: ParsableArguments {
    /// They are named in the address of the request.
    private static let mostOfAll = 1000

    @Argument(
        help: ArgumentHelp("Ids, beginnings of ids, hostnames or HOST:PORT.", valueName: "executor"),
        completion: LiveNames.executors
    )
    var names: [String] = []

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("All executors with this tag. May be repeated.", valueName: "tag"),
        completion: LiveNames.tags
    )
    var tags: [String] = []

    @Option(
        name: .customLong("zone"),
        help: ArgumentHelp("All executors in this zone. May be repeated.", valueName: "zone"),
        completion: LiveNames.zones
    )
    var zones: [String] = []

    @Flag(help: "All executors that are not lost; needs --yes.")
    var all = false

    @Flag(help: "Do what is asked for with --all, or with suspend --at-once although tasks fail.")
    var yes = false

    func validate() throws {
        guard all || !names.isEmpty || !tags.isEmpty || !zones.isEmpty else {
            throw ValidationError("name at least one executor, or give --tag, --zone or --all")
        }
        guard !all || (names.isEmpty && tags.isEmpty && zones.isEmpty) else {
            throw ValidationError("--all stands alone: it means every executor")
        }
        guard !(names + tags + zones).contains("") else { throw ValidationError("an executor, tag or zone is empty") }
    }

    /// Those among the ones that are known.
    ///
    /// - Throws: `CommandFailure` if one is not known, or all are meant and that is not confirmed.
    func selection(among known: [ExecutorSummary]) throws -> APIClient.Selection {
        guard all else {
            return APIClient.Selection(ids: try names.map { try known.named($0).id }, tags: tags, zones: zones)
        }
        let there = known.filter { $0.presence != "LOST" }
        guard yes else {
            let places = there.map { "  \($0.place) (\($0.id))" }
            throw CommandFailure(
                .conflict,
                (["All \(there.count) executors are meant. Nothing was done; repeat it with --yes:"] + places)
                    .joined(separator: "\n")
            )
        }
        guard (1...Self.mostOfAll).contains(there.count) else {
            throw CommandFailure(
                .other,
                there.isEmpty
                    ? "There are no executors"
                    : "\(there.count) executors are more than one request takes: name them by --tag or --zone"
            )
        }
        return APIClient.Selection(ids: there.map(\.id), tags: [], zones: [])
    }
}

extension [ExecutorSummary] {
    /// The one of that id, of an id that begins so, of that hostname, or of that HOST:PORT.
    ///
    /// - Throws: `CommandFailure` if there is none, or more than one.
    func named(_ name: String) throws -> ExecutorSummary {
        if let exact = first(where: { $0.id.rawValue == name || $0.place == name }) { return exact }
        let matches = filter { $0.id.rawValue.hasPrefix(name) || $0.hostname == name }
        guard let match = matches.first else {
            let meant = Spelling.closest(to: name, among: map(\.hostname) + map(\.place))
            throw CommandFailure(
                .other,
                "No executor is called \(name)" + (meant.map { ": did you mean \($0)?" } ?? "")
            )
        }
        guard matches.count == 1 else {
            let ids = matches.map { "\($0.id) (\($0.place))" }.joined(separator: ", ")
            throw CommandFailure(.conflict, "\(name) may be any of \(ids): name one of them")
        }
        return match
    }
}

/// Asks something of executors, and shows what came of it.
struct DutyRun {
    let executors: ExecutorArguments
    let api: APIOptions

    /// The API's answer, and the executors as they were before.
    struct Answer {
        let data: JSON
        let known: [ExecutorSummary]

        /// As people name it: HOST:PORT (ID).
        func place(_ id: String) -> String {
            known.first { $0.id.rawValue == id }.map { "\($0.place) (\(id))" } ?? id
        }
    }

    func perform(_ order: APIClient.DutyOrder, options: [String] = []) async throws -> Answer {
        try await callingAPI {
            let known = try await api.client.executorSummaries()
            let selection = try executors.selection(among: known)
            return Answer(data: try await api.client.order(order, selection, options: options), known: known)
        }
    }

    /// A line for each executor in that list of the answer.
    func show(_ answer: Answer, _ ids: String, _ done: String) {
        guard !api.json else { return Output.line(answer.data.serialized) }
        guard case .array(let executors)? = answer.data[ids] else { return }
        for id in executors.compactMap(\.text) { Output.line("\(answer.place(id)) \(done)") }
    }
}
