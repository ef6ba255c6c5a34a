import ApusClient
import ApusModel
import ArgumentParser

struct TasksKill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "End a task at once (SIGKILL).",
        discussion: "Its record stays, with the result CANCELLED, or with its own result if it ended by itself first."
    )

    @OptionGroup var task: TaskArgument

    @Flag(inversion: .prefixedNo, help: "Wait until it has ended.")
    var wait = true

    @OptionGroup var api: APIOptions

    func run() async throws {
        let id = try task.id()
        let client = try api.client
        let watch = TaskWatch(id, client)
        let kill: JSON = .members([
            "type": "KILL", "sourceAppName": .string(id.source), "taskId": .string(id.name),
            "opSpec": ClusterOpSpec.standard.json,
        ])
        let last = try await callingAPI {
            try await client.operateTask(kill)
            guard wait else { return try await client.task(id) }
            return try await interruptible("No longer waiting; \(id) is still to be killed.") {
                try await watch.end { Output.error($0) }
            }
        }
        if api.json { Output.line(last.json.serialized) } else if !wait { Output.line(last.progress) }
    }
}
