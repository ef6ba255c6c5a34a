import ApusClient
import ApusModel
import ArgumentParser

/// A new key for the tokens of instances.
struct ClusterRotateInstanceKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-instance-keys",
        abstract: "Sign the tokens of new instances with a new key.",
        discussion: """
            Tokens of instances that live keep holding. A key that no living instance can have a token of is dropped \
            at the next rotation; to be rid of one, replace the instances that are older than its successor.
            """
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        let data = try await callingAPI { try await api.client.rotateInstanceKeys() }
        guard !api.json else { return Output.line(data.serialized) }
        let count = if case .integer(let count)? = data["keys"] { count } else { Int64(0) }
        Output.line("a new key signs from now on; tokens of \(count) keys are accepted")
    }
}
