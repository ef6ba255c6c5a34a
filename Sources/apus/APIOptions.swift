import ApusClient
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which controller is asked, and how the answer is shown.
struct APIOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The controller's address. Default: $APUS_ENDPOINT, or http://127.0.0.1:10000.",
            valueName: "url"
        )
    )
    var endpoint: String?

    @Flag(help: "Print the API's data as JSON.")
    var json = false

    var client: APIClient {
        let environment = ProcessInfo.processInfo.environment["APUS_ENDPOINT"]
        return APIClient(endpoint: endpoint ?? environment ?? "http://127.0.0.1:10000")
    }
}

/// Runs calls of the API; what they throw becomes a failure with its exit code.
func callingAPI<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
        return try await body()
    } catch let error as ClientError {
        throw CommandFailure(error)
    }
}
