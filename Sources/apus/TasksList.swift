import ApusClient
import ApusModel
import ArgumentParser

struct TasksList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the tasks that wait or run, the oldest first."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else {
                Output.line(try await api.client.get("tasks").serialized)
                return
            }
            let rows = try await api.client.tasks().map { task in
                [
                    task.id.rawValue, task.state, task.hostname.isEmpty ? "-" : task.hostname,
                    AppsShow.age(of: task.created),
                    [task.step, task.error].filter { !$0.isEmpty }.joined(separator: "; "),
                ]
            }
            Output.list(
                ["TASK", "STATE", "HOST", "AGE", "REMARK"],
                rows,
                orElse: "no tasks; run one with: apus tasks run FILE"
            )
        }
    }
}
