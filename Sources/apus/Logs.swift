import ApusClient
import ApusModel
import ArgumentParser

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what an instance or a task has written.",
        discussion: """
            Each line begins with its time and with out or err. Logs are kept for a while after an instance has ended.
            """
    )

    @Argument(
        help: ArgumentHelp(
            """
            NAME-VERSION (its newest instance), NAME-VERSION/INSTANCE, either with --local-service; with --task \
            SOURCE/TASK.
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

    @Flag(name: .shortAndLong, help: "Show new lines as they come, until the instance has ended.")
    var follow = false

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Begin with so many of the last lines.", valueName: "n")
    )
    var lines = 200

    @Option(help: ArgumentHelp("Show this file; older ones are output.log.1 and so on.", valueName: "name"))
    var file = LogView.newest

    @OptionGroup var controller: EndpointOptions

    func validate() throws {
        guard (0...100_000).contains(lines) else { throw ValidationError("--lines must be 0 to 100000") }
        guard !follow || file == LogView.newest else {
            throw ValidationError("--follow shows the newest file: leave --file out")
        }
        guard !task || !localService else { throw ValidationError("name either --task or --local-service") }
        guard !id.isEmpty else { throw ValidationError("name an instance or a task, not an empty text") }
        guard !task || TaskID(rawValue: id) != nil else {
            throw ValidationError("a task is named SOURCE/TASK, not \(id)")
        }
    }

    func run() async throws {
        let client = try controller.client
        try await callingAPI {
            let owner = try await owner(client)
            var view = LogView(files: owner.files(client))
            do {
                if file == LogView.newest {
                    try await view.showLast(lines)
                } else {
                    try await view.show(file, lines)
                }
            } catch let error as ClientError where error.code == .notFound {
                throw try await owner.withoutFiles(client, error) ?? error
            }
            if follow { try await view.follow { try await owner.hasEnded(client) } }
        }
    }

    private func owner(_ client: APIClient) async throws -> LogOwner {
        if localService { return try await .localService(id, client) }
        if task, let task = TaskID(rawValue: id) { return .task(task) }
        return try await .application(id, client)
    }
}

/// Whose output is shown.
enum LogOwner {
    case instance(AppID, InstanceID)
    case localService(ServiceID, InstanceID)
    case task(TaskID)

    /// Finds what the command line names: an instance, or the newest of its application.
    ///
    /// - Throws: `CommandFailure` if there is none, or `ClientError`.
    static func application(_ id: String, _ client: APIClient) async throws -> LogOwner {
        let (owner, instance) = parts(id)
        let app = AppID(owner)
        if let instance { return .instance(app, instance) }
        if let newest = try await client.instances(of: app).last { return .instance(app, newest.id) }
        // Tells apart who has none and who is not there.
        _ = try await client.application(app)
        if let newest = try await client.endedInstances(of: app, atMost: 1).first { return .instance(app, newest.id) }
        throw hasNone(id)
    }

    /// The same of a local service.
    static func localService(_ id: String, _ client: APIClient) async throws -> LogOwner {
        let (owner, instance) = parts(id)
        let service = ServiceID(owner)
        if let instance { return .localService(service, instance) }
        if let newest = try await client.instances(of: service).last { return .localService(service, newest.id) }
        _ = try await client.service(service)
        if let newest = try await client.endedInstances(of: service).first {
            return .localService(service, newest.id)
        }
        throw hasNone(id)
    }

    private static func parts(_ id: String) -> (owner: String, instance: InstanceID?) {
        let parts = id.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count == 2 ? InstanceID(parts[1]) : nil)
    }

    private static func hasNone(_ id: String) -> CommandFailure {
        CommandFailure(.other, "\(id) has no instance, and none has ended that is still known")
    }

    func files(_ client: APIClient) -> LogClient {
        switch self {
        case .instance(let app, let instance):
            LogClient(
                controller: client.endpoint,
                kind: "applications",
                owner: app.rawValue,
                name: instance.rawValue,
                as: client.caller
            )
        case .localService(let service, let instance):
            LogClient(
                controller: client.endpoint,
                kind: "localservices",
                owner: service.rawValue,
                name: instance.rawValue,
                as: client.caller
            )
        case .task(let task):
            LogClient(
                controller: client.endpoint,
                kind: "tasks",
                owner: task.source,
                name: task.name,
                as: client.caller
            )
        }
    }

    /// Why there are no files of it to be had; `nil` if there is no more to say.
    func withoutFiles(_ client: APIClient, _ error: ClientError) async throws -> CommandFailure? {
        switch self {
        case .task(let task):
            // An unknown one is told by the call.
            let there = try await client.task(task)
            let whereabouts = error.message == LogClient.unknown ? "the executor that had it is gone" : error.message
            let why = there.instance.rawValue.isEmpty ? "it has not run" : whereabouts
            return CommandFailure(.other, "\(there.progress)\nThere is no output: \(why)")
        case .localService: return nil
        case .instance(let app, let instance):
            guard error.message == LogClient.unknown else { return nil }
            do {
                let task = try await client.task(TaskID(source: app.rawValue, name: instance.rawValue)).id
                return CommandFailure(.other, "\(task) is a task. Its output: apus logs --task \(task)")
            } catch let error as ClientError where error.code == .notFound {
                return nil
            }
        }
    }

    /// Nothing more will be written.
    func hasEnded(_ client: APIClient) async throws -> Bool {
        let path =
            switch self {
            case .instance(let app, let instance): "applications/\(app)/instances/\(instance)"
            case .localService(let service, let instance): "localservices/\(service)/instances/\(instance)"
            case .task(let task): "tasks/\(task.source)/instances/\(task.name)"
            }
        do {
            let state = try await client.get(path)["state"]?.text ?? ""
            return InstanceState(rawValue: state)?.isTerminal ?? false
        } catch let error as ClientError where error.code == .notFound {
            return true
        }
    }
}
