import ApusClient
import ApusModel
import ArgumentParser

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what instances or a task have written.",
        discussion: """
            Each line begins with its time and with out or err. Lines of several instances come by their times, each \
            behind its instance's id; followed, they come as they arrive. Logs are kept for a while after an instance \
            has ended.
            """
    )

    /// So many lines if nothing else is said.
    private static let usualCount = 200
    private static let mostLines = 100_000

    @Argument(
        help: ArgumentHelp(
            """
            NAME-VERSION (all its instances; if none lives, the last that ended), NAME-VERSION/INSTANCE, either with \
            --local-service; NAME of an application if one version runs; with --task SOURCE/TASK.
            """,
            valueName: "id"
        ),
        completion: LiveNames.writers
    )
    var id: String

    @Flag(help: "The id is that of a task.")
    var task = false

    @Flag(help: "The id is that of a local service, or of an instance of one.")
    var localService = false

    @Flag(
        name: .shortAndLong,
        help: "Show new lines as they come, until what writes them has ended; instances that start meanwhile join."
    )
    var follow = false

    @Option(
        name: [.customShort("n"), .long, .customLong("tail")],
        help: ArgumentHelp(
            "Begin with so many of the last lines. Default: 200, or with --since all since then, at most 100000.",
            valueName: "n"
        )
    )
    var lines: Int?

    @Option(
        help: ArgumentHelp(
            "Begin with what was written so long ago (90s, 5m, 1h) or at a time (2026-11-21T03:13:58Z).",
            valueName: "time"
        )
    )
    var since: String?

    @Option(
        help: ArgumentHelp("Of those lines, show only the ones whose text has a match of this.", valueName: "regex")
    )
    var grep: String?

    @Option(
        help: ArgumentHelp(
            "Show this file, of the newest instance; older ones are output.log.1 and so on.",
            valueName: "name"
        )
    )
    var file = LogView.newest

    @OptionGroup var controller: EndpointOptions

    func validate() throws {
        guard (0...Self.mostLines).contains(count) else { throw ValidationError("--lines must be 0 to 100000") }
        guard !follow || file == LogView.newest else {
            throw ValidationError("--follow shows the newest file: leave --file out")
        }
        guard !task || !localService else { throw ValidationError("name either --task or --local-service") }
        guard !id.isEmpty else { throw ValidationError("name an instance or a task, not an empty text") }
        guard !task || TaskID(rawValue: id) != nil else {
            throw ValidationError("a task is named SOURCE/TASK, not \(id)")
        }
        _ = try since.map { try LogTime(since: $0) }
        _ = try LogPrinter(matching: grep)
    }

    private var count: Int { lines ?? (since == nil ? Self.usualCount : Self.mostLines) }

    private var subject: LogSubject {
        let parts = id.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if task, let task = TaskID(rawValue: id) { return .one(.task(task)) }
        guard parts.count == 2 else { return localService ? .localService(ServiceID(id)) : .application(AppID(id)) }
        let instance = InstanceID(parts[1])
        return .one(localService ? .localService(ServiceID(parts[0]), instance) : .instance(AppID(parts[0]), instance))
    }

    /// Whose lines there are; where no application has that id, those of the one of that name.
    private func owners(_ client: APIClient) async throws -> (LogSubject, [LogOwner]) {
        do {
            return (subject, try await subject.owners(client))
        } catch let error as ClientError where error.code == .notFound {
            guard case .application = subject else { throw error }
            let named = LogSubject.application(try await KnownApps(client).one(id))
            return (named, try await named.owners(client))
        }
    }

    func run() async throws {
        let client = try controller.client
        let range = LogRange(count: count, since: try since.map { try LogTime(since: $0) })
        let printer = try LogPrinter(matching: grep)
        try await callingAPI {
            let (subject, owners) = try await owners(client)
            // They come oldest first.
            if file != LogView.newest, let newest = owners.last {
                return try await newest.show(file, range, client, printer)
            }
            var views = LogViews(subject: subject, client: client, range: range, printer: printer)
            try await views.show(owners)
            if follow { try await views.follow() }
        }
    }
}
