import ApusClient
import ApusModel
import ArgumentParser

struct TasksDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Forget a task that has ended, so that its name is free again."
    )

    @OptionGroup var task: TaskArgument
    @OptionGroup var api: APIOptions

    func run() async throws {
        let id = try task.id()
        try await callingAPI {
            do {
                try await api.client.forget(id)
            } catch let error as ClientError where error.code == .notFound {
                // Unknown, or not over: the first is told by the call for it.
                let there = try await api.client.task(id)
                throw CommandFailure(
                    .conflict,
                    "\(id) is \(there.state): only a task that has ended can be deleted. Kill it with: "
                        + "apus tasks kill \(id)"
                )
            }
        }
        Output.line(api.json ? JSON.members(["deleted": true]).serialized : "\(id) is deleted")
    }
}
