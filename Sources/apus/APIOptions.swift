import ApusClient
import ArgumentParser

/// Which controller is asked, and how the answer is shown.
struct APIOptions: ParsableArguments {
    @OptionGroup private var controller: EndpointOptions

    @Flag(help: "Print the API's data as JSON.")
    var json = false

    /// - Throws: as that of `EndpointOptions`.
    var client: APIClient {
        get throws { try controller.client }
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
