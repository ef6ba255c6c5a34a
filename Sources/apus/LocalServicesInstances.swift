import ApusClient
import ApusModel
import ArgumentParser

/// How an operation on instances of a local service is carried out.
struct ServiceOperation: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Give up after so long for each round of --parallelism instances, as 90s, 5m or 1h.",
            valueName: "time"
        )
    )
    var timeout = "5m"

    @Option(help: ArgumentHelp("How many instances may be on their way at a time, 1 to 512.", valueName: "n"))
    var parallelism = 1

    @Flag(inversion: .prefixedNo, help: "Show progress until the operation has ended.")
    var wait = true

    func validate() throws {
        try timeout.validateDuration()
        guard (1...512).contains(parallelism) else { throw ValidationError("--parallelism must be 1 to 512") }
    }

    /// The API's `opSpec`.
    var json: JSON {
        .members([
            "timeout": .string(timeout), "parallelism": .integer(Int64(parallelism)),
            "failureStrategy": "STOP",
        ])
    }
}

struct LocalServicesAdjust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adjust",
        abstract: "Bring a local service to what is wanted on every executor, a few instances at a time."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var operation: ServiceOperation
    @OptionGroup var api: APIOptions

    func run() async throws {
        let more = [JSON.Member("opSpec", operation.json)]
        try await ServiceRun(api, service.id).perform("ADJUST_INSTANCES", more, waiting: operation.wait)
    }
}

struct LocalServicesReplace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Replace named instances of a local service by new ones on the same executors."
    )

    @OptionGroup var service: ServiceArgument

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("These instances.", valueName: "instance"),
        completion: LiveNames.serviceInstances
    )
    var ids: [String]

    @Flag(help: "Stop an instance before its replacement starts. (Always so of a host level service.)")
    var stopFirst = false

    @OptionGroup var operation: ServiceOperation
    @OptionGroup var api: APIOptions

    func validate() throws { _ = try ids.instanceIDs() }

    func run() async throws {
        let more = [
            JSON.Member("instanceIds", .array(try ids.instanceIDs().map(\.json))),
            JSON.Member("stopFirst", .bool(stopFirst)), JSON.Member("opSpec", operation.json),
        ]
        try await ServiceRun(api, service.id).perform("REPLACE_INSTANCES", more, waiting: operation.wait)
    }
}

struct LocalServicesRestart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Replace all healthy instances of a local service, one at a time unless --parallelism says more."
    )

    @OptionGroup var service: ServiceArgument

    @Flag(help: "Stop an instance before its replacement starts. (Always so of a host level service.)")
    var stopFirst = false

    @OptionGroup var operation: ServiceOperation
    @OptionGroup var api: APIOptions

    func run() async throws {
        let more = [JSON.Member("stopFirst", .bool(stopFirst)), JSON.Member("clusterOpSpec", operation.json)]
        try await ServiceRun(api, service.id).perform("RESTART", as: "REPLACE_INSTANCES", more, waiting: operation.wait)
    }
}

struct LocalServicesStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop named instances of a local service; while it is active others take their places."
    )

    @OptionGroup var service: ServiceArgument

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("These instances.", valueName: "instance"),
        completion: LiveNames.serviceInstances
    )
    var ids: [String]

    @OptionGroup var operation: ServiceOperation
    @OptionGroup var api: APIOptions

    func validate() throws { _ = try ids.instanceIDs() }

    func run() async throws {
        let more = [
            JSON.Member("instanceIds", .array(try ids.instanceIDs().map(\.json))),
            JSON.Member("opSpec", operation.json),
        ]
        try await ServiceRun(api, service.id).perform("STOP_INSTANCES", more, waiting: operation.wait)
    }
}

struct LocalServicesCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End the adjustment or replacement under way of a local service."
    )

    @OptionGroup var service: ServiceArgument
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = try ServiceRun(api, service.id)
        run.report(
            try await callingAPI {
                // Of an unknown service this says so; the cancellation would not.
                _ = try await run.client.knownService(run.id)
                try await run.client.cancel(run.id)
                return try await run.client.service(run.id)
            }
        )
    }
}
