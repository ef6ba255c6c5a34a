import ApusClient
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which controller is asked.
struct EndpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The controller's address. Default: $APUS_ENDPOINT, or http://127.0.0.1:10000.",
            valueName: "url"
        )
    )
    var endpoint: String?

    var client: APIClient {
        // Set to nothing it counts as not set.
        let environment = ProcessInfo.processInfo.environment["APUS_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        return APIClient(endpoint: endpoint ?? environment ?? "http://127.0.0.1:10000")
    }
}

/// Which controller is asked, and how the answer is shown.
struct APIOptions: ParsableArguments {
    @OptionGroup private var controller: EndpointOptions

    @Flag(help: "Print the API's data as JSON.")
    var json = false

    var client: APIClient { controller.client }
}

/// Runs calls of the API; what they throw becomes a failure with its exit code.
func callingAPI<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
        return try await body()
    } catch let error as ClientError {
        throw CommandFailure(error)
    }
}
