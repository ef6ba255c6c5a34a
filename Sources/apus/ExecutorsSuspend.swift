import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsSuspend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Keep executors from work until they are resumed.",
        discussion: """
            Services move first and tasks run to their ends. With --at-once everything there is stopped now and services \
            start elsewhere at the same time; tasks that run there fail, so they are listed and nothing is done unless \
            --yes is given.
            """
    )

    @OptionGroup var executors: ExecutorArguments

    @Flag(help: "Stop everything there now.")
    var atOnce = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard atOnce || executors.all || !executors.yes else {
            throw ValidationError("--yes belongs to --at-once or --all: nothing fails without those")
        }
    }

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        if atOnce, !executors.yes {
            let failing = try await run.perform(.suspend, options: ["mode=now", "dryRun=true"])
            try refuseIfTasksFail(failing.data)
        }
        let options = atOnce ? ["mode=now"] + (executors.yes ? ["confirm=true"] : []) : ["mode=finish"]
        let answer = try await run.perform(.suspend, options: options)
        run.show(
            answer,
            "executors",
            atOnce ? "is suspended; what ran there is stopped" : "is suspended; services move"
        )
    }

    private func refuseIfTasksFail(_ answer: JSON) throws {
        guard case .array(let tasks)? = answer["failingTasks"], !tasks.isEmpty else { return }
        let lines = tasks.map { task in
            "  \(task["sourceAppName"]?.text ?? "")/\(task["taskId"]?.text ?? "") on \(task["hostname"]?.text ?? "")"
        }
        throw CommandFailure(
            .conflict,
            (["\(tasks.count) tasks would fail. Nothing was done; repeat it with --yes to fail them:"] + lines)
                .joined(separator: "\n")
        )
    }
}

struct ExecutorsResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let suspended executors take work again, or end their retirement.",
        discussion: "What keeps an executor from serving, an engine that does not answer, say, clears by itself."
    )

    @OptionGroup var executors: ExecutorArguments
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        run.show(try await run.perform(.resume), "executors", "takes work again")
    }
}
