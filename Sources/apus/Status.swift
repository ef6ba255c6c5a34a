import ApusClient
import ApusModel
import ArgumentParser

/// How the cluster is, or one thing in it.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the cluster is, or one application, local service or task.",
        discussion: "The exit code is 0 if all is well, and 3 if something is not."
    )

    @Argument(
        help: ArgumentHelp(
            "NAME (all its versions), NAME-VERSION, or SOURCE/TASK. Default: the whole cluster.",
            valueName: "name"
        ),
        completion: LiveNames.anything
    )
    var name: String?

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard name != "" else { throw ValidationError("name an application, a local service or a task") }
    }

    func run() async throws {
        let isWell = try await callingAPI {
            guard let name else {
                let status = try await ClusterStatus(api.client)
                show(status.json, status.lines)
                return status.isWell
            }
            let status = try await NamedStatus(name, api.client)
            show(status.json, status.lines)
            return status.isWell
        }
        guard isWell else { throw ExitCode(CommandFailure.Code.unhealthy.rawValue) }
    }

    private func show(_ json: JSON, _ lines: [String]) {
        if api.json { return Output.line(json.serialized) }
        for line in lines { Output.line(line) }
    }
}

extension ApplicationSummary {
    /// What is wrong with it; `nil` if nothing is.
    var trouble: String? {
        guard expected > 0 else { return nil }
        if shortfall != nil || (backoff?.failures ?? 0) > 0 { return remark }
        guard healthy < expected else { return nil }
        return operation == nil ? "\(expected - healthy) of \(expected) are not healthy" : remark
    }
}

extension ServiceSummary {
    /// What is wrong with it; `nil` if nothing is.
    var trouble: String? {
        guard activation == ActivationState.active.rawValue else { return nil }
        if !obstacles.isEmpty { return obstacles.joined(separator: "; ") }
        return healthy < wanted ? "\(wanted - healthy) of \(wanted) are not healthy" : nil
    }
}

extension ExecutorSummary {
    /// What is wrong with it; `nil` if nothing is, or if it is as operators want it.
    var trouble: String? {
        guard presence != "LOST" else { return "lost" }
        let isWanted = state == "ACTIVE" || !duty.isEmpty
        guard !isWanted || !troubles.isEmpty || presence == "SILENT" else { return nil }
        return remark.isEmpty ? "is \(state)" : remark
    }
}
