import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsRetire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Drain executors, then forget them.",
        discussion: """
            Services move and tasks run to their ends; when nothing is left the executor is forgotten. To have it join \
            again as a new member, start its process again.
            """
    )

    @OptionGroup var executors: ExecutorArguments
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        run.show(try await run.perform(.retire), "executors", "is being retired")
    }
}
