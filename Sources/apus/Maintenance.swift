import ApusClient
import ApusModel
import ArgumentParser

/// The commands about maintenance of the whole cluster.
struct Maintenance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Leave the whole cluster as it is while people work on it.",
        discussion: """
            In maintenance no operation is accepted, nothing is repaired, and no executor is given up however long it \
            is silent. Operations that were accepted before go on to their ends.
            """,
        subcommands: [MaintenanceOn.self, MaintenanceOff.self, MaintenanceStatus.self]
    )

    static func set(_ isOn: Bool, _ api: APIOptions) async throws {
        let data = try await callingAPI { try await api.client.setMaintenance(isOn) }
        Output.line(api.json ? data.serialized : "the cluster is in the state \(data["state"]?.text ?? "")")
    }
}

struct MaintenanceOn: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "on", abstract: "Begin maintenance.")

    @OptionGroup var api: APIOptions

    func run() async throws { try await Maintenance.set(true, api) }
}

struct MaintenanceOff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "off",
        abstract: "End maintenance: what was put off is done now."
    )

    @OptionGroup var api: APIOptions

    func run() async throws { try await Maintenance.set(false, api) }
}

struct MaintenanceStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show whether the cluster is in maintenance.",
        aliases: ["show"]
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        let cluster = try await callingAPI { try await api.client.cluster() }
        let state = cluster["state"]?.text ?? ""
        Output.line(api.json ? JSON.members(["state": .string(state)]).serialized : state)
    }
}
