import ApusClient
import ApusController
import ApusModel
import ArgumentParser

/// The commands about the controllers of a cluster.
struct Controllers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controllers",
        abstract: "Show the cluster's controllers, and hand the leadership over.",
        discussion: "One leads, the others stand by. Without a subcommand it is list.",
        subcommands: [ControllersList.self, ControllersHandOver.self, ControllersForget.self],
        defaultSubcommand: ControllersList.self
    )
}

struct ControllersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show all controllers: who leads, who stands by, who is absent."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else { return Output.line(try await api.client.controllers().serialized) }
            let rows = try await api.client.controllerSummaries().map { controller in
                [
                    controller.id, controller.url ?? "-", controller.version ?? "-", controller.state.rawValue,
                    controller.since?.utc ?? "-", controller.lastSeen.utc,
                ]
            }
            Output.list(["CONTROLLER", "ADDRESS", "VERSION", "STATE", "SINCE", "LAST SEEN"], rows, orElse: "none")
        }
    }
}

struct ControllersHandOver: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hand-over",
        abstract: "Have another controller lead, and wait until one does.",
        discussion: "Containers run on meanwhile; requests for change wait, or are refused, for a moment."
    )

    /// A session with ZooKeeper may be as long.
    private static let limit = Duration.seconds(60)
    private static let interval = Duration.milliseconds(250)

    @Option(
        help: ArgumentHelp("The id of the one that is to lead. Default: any that stands by.", valueName: "id"),
        completion: LiveNames.controllers(.standby)
    )
    var to: String?

    @OptionGroup var api: APIOptions

    func run() async throws {
        let leader = try await callingAPI {
            let client = try api.client
            let before = try await client.controllerSummaries().filter { $0.state != .absent }
            try await client.handOver(to: to)
            return try await next(
                after: before.first { $0.state == .leader }?.id,
                client.knowing(before.compactMap(\.url))
            )
        }
        if let to, leader != to {
            throw CommandFailure(
                .other,
                "\(to) was to lead, and \(leader) leads: \(to) did not stand in the line when it was its turn. "
                    + "Look with: apus controllers"
            )
        }
        Output.line(api.json ? JSON.members(["leader": .string(leader)]).serialized : "\(leader) leads")
    }

    /// Whoever leads and is another.
    private func next(after previous: String?, _ client: APIClient) async throws -> String {
        let end = ContinuousClock.now + Self.limit
        while ContinuousClock.now < end {
            do {
                if let leader = try await client.cluster()["leader"]?.text, leader != previous { return leader }
            } catch let error as ClientError where error.isPassing {
                // Nobody leads yet.
            }
            try await Task.sleep(for: Self.interval)
        }
        throw CommandFailure(
            .timedOut,
            "The leadership was given up, and \(Self.limit.components.seconds) s later no other controller is known to lead. "
                + "Look with: apus controllers"
        )
    }
}

struct ControllersForget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Drop a controller from the list that will not come back.",
        discussion: "One that is present is refused. Should it come back all the same, it is listed again."
    )

    @Argument(help: ArgumentHelp("Its id.", valueName: "id"), completion: LiveNames.controllers(.absent))
    var id: String

    @OptionGroup var api: APIOptions

    func validate() throws { if id.isEmpty { throw ValidationError("name the controller") } }

    func run() async throws {
        let answer = try await callingAPI { try await api.client.forgetController(id) }
        Output.line(api.json ? answer.serialized : "\(id) is forgotten")
    }
}
