import ApusClient
import ApusModel
import ArgumentParser

struct AppsDeploy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Create an application, or scale it if it exists.",
        discussion: """
            FILE holds the application's specification as JSON or YAML. If an application of its name and version \
            exists with the same specification it is scaled to the number of instances; with another specification \
            the command fails with code 5: give the new one a new version, or use apus apply.
            """
    )

    @Argument(
        help: ArgumentHelp("The specification, or - to read it from standard input.", valueName: "file"),
        completion: SpecificationFile.completion
    )
    var file: String

    @Option(
        help: ArgumentHelp(
            "How many instances to keep running, 0 to 2048, or a share of what the cluster's cores can hold, as 7%.",
            valueName: "n"
        )
    )
    var instances = InstanceCount.number(1)

    @OptionGroup var operation: OperationOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        try instances.validate("--instances")
    }

    func run() async throws {
        let source = SpecificationFile(path: file)
        let spec = try source.json()
        let valid: ApplicationSpec = try source.valid(spec)
        let run = try OperationRun(api, valid.id)
        let create: JSON = .members([
            "type": "CREATE", "spec": spec, "instances": instances.json,
            "opSpec": instances.number.map { operation.json(instances: $0) } ?? operation.json(),
        ])
        let result = try await run.interruptibleAsOne {
            do {
                return try await run.perform(create, waiting: operation.wait)
            } catch let failure as CommandFailure where failure.message == "App \(valid.id) already exists" {
                return try await scale(valid, run)
            }
        }
        run.report(result)
    }

    private func scale(_ spec: ApplicationSpec, _ run: OperationRun) async throws -> ApplicationSummary? {
        let there = try await callingAPI { try await run.client.spec(of: spec.id) }
        guard there == spec.masked else {
            throw CommandFailure(
                .conflict,
                "\(spec.id) exists with another specification. Give this one a new version, or destroy the other first."
            )
        }
        run.show("\(spec.id) exists with this specification")
        if let now = try await callingAPI({ try await run.application() }), now.isWanted(instances),
            now.operation == nil, now.healthy == now.expected || !operation.wait
        {
            return now
        }
        let scale: JSON = .members([
            "type": "SCALE", "appId": spec.id.json, "requiredInstances": instances.json,
            "opSpec": operation.json(),
        ])
        return try await run.perform(scale, waiting: operation.wait)
    }
}

extension ApplicationSummary {
    fileprivate func isWanted(_ count: InstanceCount) -> Bool {
        switch count {
        case .number(let number): expected == number && share == nil
        case .share(let wanted): share == wanted
        }
    }
}
