import ApusClient
import ApusModel
import ArgumentParser

struct LocalServicesCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a local service; it runs nowhere until it is tested or activated."
    )

    @Argument(
        help: ArgumentHelp("The specification, or - to read it from standard input.", valueName: "file"),
        completion: SpecificationFile.completion
    )
    var file: String

    @Option(help: ArgumentHelp("How many instances on each executor, 1 to 256.", valueName: "n"))
    var perHost = 1

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...256).contains(perHost) else { throw ValidationError("--per-host must be 1 to 256") }
    }

    func run() async throws {
        let source = SpecificationFile(path: file)
        let spec = try source.json()
        let valid: LocalServiceSpec = try source.valid(spec)
        let run = try ServiceRun(api, valid.id)
        run.report(
            try await callingAPI {
                try await run.client.operateService(
                    .members(["type": "CREATE", "spec": spec, "instancesPerHost": .integer(Int64(perHost))])
                )
                return try await run.client.service(valid.id)
            }
        )
    }
}

struct LocalServicesTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run one instance of an inactive local service on one executor."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var waiting: ServiceWait
    @OptionGroup var api: APIOptions

    func run() async throws {
        try await ServiceRun(api, service.id).perform("DEPLOY_TEST_INSTANCE", following: try waiting.span())
    }
}

struct LocalServicesActivate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Run a local service on every executor from now on."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var waiting: ServiceWait
    @OptionGroup var api: APIOptions

    func run() async throws {
        try await ServiceRun(api, service.id).perform("ACTIVATE", following: try waiting.span())
    }
}

struct LocalServicesDeactivate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deactivate",
        abstract: "Stop a local service everywhere."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var waiting: ServiceWait
    @OptionGroup var api: APIOptions

    func run() async throws {
        try await ServiceRun(api, service.id).perform("DEACTIVATE", following: try waiting.span())
    }
}

struct LocalServicesUpdateCount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update-count",
        abstract: "Change how many instances of a local service each executor has."
    )

    @OptionGroup var service: ServiceArgument

    @Option(help: ArgumentHelp("How many instances on each executor, 1 to 256.", valueName: "n"))
    var perHost: Int

    @OptionGroup var waiting: ServiceWait
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...256).contains(perHost) else { throw ValidationError("--per-host must be 1 to 256") }
    }

    func run() async throws {
        let count = JSON.Member("instancesPerHost", .integer(Int64(perHost)))
        try await ServiceRun(api, service.id).perform("UPDATE_INSTANCE_COUNT", [count], following: try waiting.span())
    }
}

struct LocalServicesDestroy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy",
        abstract: "Forget an inactive local service."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            let destroy: JSON = .members(["type": "DESTROY", "serviceId": service.id.json])
            try await api.client.operateService(destroy)
        }
        Output.line(
            api.json
                ? JSON.members(["serviceId": service.id.json]).serialized
                : "\(service.id) is destroyed once its last instance has ended"
        )
    }
}
