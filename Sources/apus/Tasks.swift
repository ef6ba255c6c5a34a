import ApusModel
import ArgumentParser

/// The commands about tasks.
struct Tasks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks",
        abstract: "Run containers to their end, and look at them.",
        discussion: """
            A task runs once, on one executor, to an exit code. It is named SOURCE/TASK: an application's name, and a \
            name of its own that no other task of that source has.
            """,
        subcommands: [TasksRun.self, TasksList.self, TasksShow.self, TasksKill.self, TasksDelete.self]
    )
}

/// A task that a user names.
struct TaskArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("SOURCE/TASK", valueName: "task"), completion: LiveNames.tasks)
    var name: String

    func validate() throws { _ = try id() }

    func id() throws -> TaskID {
        guard let id = TaskID(rawValue: name) else {
            throw ValidationError("a task is named SOURCE/TASK, not \(name)")
        }
        return id
    }
}
