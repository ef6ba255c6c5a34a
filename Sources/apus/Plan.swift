import ApusClient
import ApusModel
import ArgumentParser

/// What `apply` would do.
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what applying files would change, and where new instances would go; nothing changes.",
        discussion: """
            The exit code is 0 if all of it can be done, 1 for mistakes in the files, 2 if something finds no room now, \
            and 5 if something is refused.
            """
    )

    @OptionGroup var arguments: ApplyArguments

    @Option(
        help: ArgumentHelp(
            "As it will be given to apply: so many instances need room beside those that they replace.",
            valueName: "n"
        )
    )
    var parallelism: Int?

    @OptionGroup var api: APIOptions

    func validate() throws {
        try parallelism.validateParallelism()
    }

    func run() async throws {
        let plan = try await callingAPI { try await arguments.plan(api.client) }
        var documents: [JSON] = []
        var fits = true
        for entry in plan.entries {
            let room = try await callingAPI { try await self.room(for: entry) }
            fits = fits && room?.fits != false
            if api.json {
                documents.append(.object(entry.json + (room.map { [JSON.Member("placement", $0.json)] } ?? [])))
            } else {
                for line in [entry.title] + entry.details + (room?.lines ?? []) { Output.line(line) }
            }
        }
        let refusals = plan.refusals.count
        if api.json {
            let all: JSON = .members([
                "documents": .array(documents), "fits": .bool(fits), "refused": .integer(Int64(refusals)),
            ])
            Output.line(all.serialized)
        }
        guard refusals == 0 else { throw ExitCode(CommandFailure.Code.conflict.rawValue) }
        guard fits else { throw ExitCode(CommandFailure.Code.placement.rawValue) }
    }

    private func room(for entry: ApplyPlan.Entry) async throws -> ForeseenRoom? {
        let count = entry.newcomers(parallelism: parallelism ?? RolloutOptions.careful)
        guard count > 0 else { return nil }
        return ForeseenRoom(try await api.client.simulatedPlacement(of: entry.workload, instances: count))
    }
}

/// Where new instances would go now, as the controller says.
private struct ForeseenRoom {
    let json: JSON

    init(_ json: JSON) { self.json = json }

    var fits: Bool { elements("errors").isEmpty }

    var lines: [String] {
        let (placed, requested) = (json["placed"] ?? 0, json["requested"] ?? 0)
        var line = "  room for \(placed.serialized) of \(requested.serialized) more"
        let hosts = hosts.map { "\($0.count) on \($0.name)" }
        if !hosts.isEmpty { line += ": \(hosts.joined(separator: ", "))" }
        return [line] + elements("errors").compactMap(\.text).map { "  \($0)" }
    }

    /// In the order in which they are taken.
    private var hosts: [(name: String, count: Int)] {
        var hosts: [(name: String, count: Int)] = []
        for place in elements("placements") {
            let name = "\(place["hostname"]?.text ?? ""):\(place["port"]?.serialized ?? "")"
            if let index = hosts.firstIndex(where: { $0.name == name }) {
                hosts[index].count += 1
            } else {
                hosts.append((name, 1))
            }
        }
        return hosts
    }

    private func elements(_ key: String) -> [JSON] {
        if case .array(let elements)? = json[key] { elements } else { [] }
    }
}
