import ApusClient
import ApusModel
import ArgumentParser

struct TasksList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the tasks that have not ended, the oldest first."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else {
                Output.line(try await api.client.get("tasks").serialized)
                return
            }
            let tasks = try await api.client.tasks()
            guard !tasks.isEmpty else {
                Output.line("no tasks; run one with: apus tasks run FILE")
                return
            }
            var rows = [["TASK", "STATE", "HOST", "AGE", "REMARK"]]
            for task in tasks {
                rows.append([
                    task.id.rawValue, task.state, task.hostname.isEmpty ? "-" : task.hostname,
                    AppsShow.age(of: task.created), task.error,
                ])
            }
            Output.table(rows)
        }
    }
}
