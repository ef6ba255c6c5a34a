import ApusClient
import ApusModel
import ArgumentParser

struct LocalServicesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show all local services, the oldest first."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else {
                Output.line(try await api.client.get("localservices").serialized)
                return
            }
            let rows = try await api.client.services().map { service in
                [
                    service.id.rawValue, service.activation, "\(service.instancesPerHost)", "\(service.wanted)",
                    "\(service.live)", "\(service.healthy)", service.state, service.obstacles.first ?? "",
                ]
            }
            Output.list(
                ["SERVICE", "ACTIVATION", "PER HOST", "WANTED", "RUNNING", "HEALTHY", "STATE", "REMARK"],
                rows,
                orElse: "no local services; create one with: apus localservices create FILE"
            )
        }
    }
}

struct LocalServicesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one local service with its instances and what became of earlier ones."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var api: APIOptions

    func run() async throws {
        let (client, id) = (try api.client, service.id)
        try await callingAPI {
            let service = try await client.knownService(id)
            let instances = try await client.instances(of: id)
            let ended = try await client.endedInstances(of: id).prefix(AppsShow.endedShown)
            guard !api.json else {
                let all: JSON = .members([
                    "service": service.json, "instances": .array(instances.map(\.json)),
                    "ended": .array(ended.map(\.json)),
                ])
                Output.line(all.serialized)
                return
            }
            Output.line("\(id): \(service.counts), \(service.instancesPerHost) on each executor")
            for obstacle in service.obstacles { Output.line(obstacle) }
            if let last = service.lastOperation {
                let reason = last.reason.isEmpty ? "" : ", \(last.reason)"
                Output.line("last operation: \(last.type) \(last.outcome)\(reason)")
            }
            if !instances.isEmpty {
                Output.line("")
                Output.table([["INSTANCE", "STATE", "AGE", "ADDRESS", "NOTE"]] + instances.map(AppsShow.row))
            }
            if !ended.isEmpty {
                Output.line("")
                Output.table([["ENDED", "STATE", "AGO", "ADDRESS", "ERROR"]] + ended.map(AppsShow.endedRow))
            }
        }
    }
}
