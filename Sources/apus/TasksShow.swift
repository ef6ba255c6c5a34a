import ApusClient
import ApusModel
import ArgumentParser

struct TasksShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one task, also one that has ended."
    )

    @OptionGroup var task: TaskArgument
    @OptionGroup var api: APIOptions

    func run() async throws {
        let id = try task.id()
        let task = try await callingAPI { try await api.client.task(id) }
        guard !api.json else {
            Output.line(task.json.serialized)
            return
        }
        Output.line(task.progress)
        if !task.step.isEmpty { Output.line(task.step) }
        Output.line("image: \(task.image)")
        if !task.instance.rawValue.isEmpty { Output.line("instance: \(task.instance)") }
        let ended = task.result == nil ? "" : ", ended \(AppsShow.age(of: task.updated)) ago"
        Output.line("created \(AppsShow.age(of: task.created)) ago\(ended)")
    }
}
