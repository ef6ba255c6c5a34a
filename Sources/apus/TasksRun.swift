import ApusClient
import ApusModel
import ArgumentParser
import Synchronization

struct TasksRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a container once, and end with its exit code.",
        discussion: """
            FILE holds the task's specification as JSON or YAML, and --source and --id stand for what it does not say. \
            Or name an image: apus tasks run --image IMAGE -- ARGUMENTS.

            The exit code is the container's. It is 125, with the reason, if there is none: the task was refused, found \
            no place, could not be started, was killed or lost, or the controller is not reached. Ctrl-C ends the \
            waiting, not the task.
            """
    )

    @Argument(
        help: ArgumentHelp("The specification, or - to read it from standard input.", valueName: "file"),
        completion: SpecificationFile.completion
    )
    var file: String?

    @Option(help: ArgumentHelp("The application that it belongs to. Default: the file's, or adhoc.", valueName: "name"))
    var source: String?

    @Option(help: ArgumentHelp("Its own name. Default: the file's, or a new one.", valueName: "name"))
    var id: String?

    @Option(help: ArgumentHelp("Give up if it has no place after so long, as 90s, 5m or 1h.", valueName: "time"))
    var timeout = "5m"

    @OptionGroup(title: "Without a file") var container: TaskContainer

    @Flag(inversion: .prefixedNo, help: "Wait for its end. Otherwise its name is printed.")
    var wait = true

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (file == nil) != (container.image == nil) else {
            throw ValidationError("name either a file or an image (--image)")
        }
        guard file == nil || container.isEmpty else {
            throw ValidationError("--cpu, --memory, --env and arguments belong to --image; a file says them itself")
        }
        do {
            _ = try DurationText(parsing: timeout)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() async throws {
        do {
            try await callingAPI { try await runTask() }
        } catch let failure as CommandFailure where failure.code != .interrupted {
            throw CommandFailure(.noExitCode, failure.message)
        }
    }

    private func runTask() async throws {
        let from = SpecificationFile(path: file ?? "the command line")
        let json = named(try container.spec ?? from.json())
        let spec: TaskSpec = try from.valid(json)
        let task = spec.id
        let watch = TaskWatch(task, try api.client)
        let create: JSON = .members([
            "type": "CREATE", "spec": json,
            "opSpec": .members(["timeout": .string(timeout), "parallelism": 1, "failureStrategy": "STOP"]),
        ])
        let known = """
            Look with: apus tasks show \(task)
            End it with: apus tasks kill \(task)
            """
        let (isWaiting, isAccepted) = (wait, Accepted())
        let noLonger = "No longer waiting; \(task) goes on.\n\(known)"
        let found: TaskSummary?
        do {
            found = try await interruptible(
                isAccepted.value ? noLonger : "Interrupted while \(task) was asked for: it may run.\n\(known)"
            ) {
                try await watch.create(create) { Output.error($0) }
                isAccepted.value = true
                return isWaiting ? try await watch.end { Output.error($0) } : nil
            }
        } catch let error as ClientError where isAccepted.value && error.code == .notFound {
            throw CommandFailure(.noExitCode, "The record of \(task) is gone: it was deleted before its end was seen.")
        } catch let error as ClientError where isAccepted.value && error.isPassing {
            throw CommandFailure(.noExitCode, "\(error)\n\(noLonger)")
        }
        guard let end = found else {
            Output.line(api.json ? try await api.client.task(task).json.serialized : "\(task)")
            return
        }
        if api.json { Output.line(end.json.serialized) }
        try finish(end)
    }

    /// Ends the command as the container ended.
    private func finish(_ end: TaskSummary) throws {
        guard let code = end.exitCode else {
            let result = end.result?.status ?? end.state
            throw CommandFailure(
                .noExitCode,
                "\(end.id) has no exit code: \(result)\(end.error.isEmpty ? "" : ", \(end.error)")"
            )
        }
        if end.isOutOfMemory { Output.error("\(end.id) needed more memory than it may have") }
        guard code != 0 else { return }
        Output.error("Its output: apus logs --task \(end.id)")
        throw ExitCode(code)
    }

    /// With the names that the file does not say, or that are to stand in their stead.
    private func named(_ json: JSON) -> JSON {
        guard case .object(var members) = json else { return json }
        func set(_ key: String, _ value: String?, orElse fallback: @autoclosure () -> String) {
            guard let text = value ?? (json[key] == nil ? fallback() : nil) else { return }
            members.removeAll { $0.key == key }
            members.append(JSON.Member(key, .string(text)))
        }
        set("sourceAppName", source, orElse: "adhoc")
        set("taskId", id, orElse: Self.newName())
        return .object(members)
    }

    private static func newName() -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        return "run-\(String(repeating: "0", count: max(0, 13 - digits.count)))\(digits)"
    }
}

/// Whether the task was accepted: what an interruption is told depends on it.
private final class Accepted: Sendable {
    private let flag = Atomic(false)

    var value: Bool {
        get { flag.load(ordering: .relaxed) }
        set { flag.store(newValue, ordering: .relaxed) }
    }
}

/// A task's specification in short.
struct TaskContainer: ParsableArguments {
    @Option(help: ArgumentHelp("The image to run.", valueName: "image"))
    var image: String?

    @Option(help: ArgumentHelp("How many cores. Default: 1.", valueName: "n"))
    var cpu: Int?

    @Option(help: ArgumentHelp("How much memory, in MB. Default: 128.", valueName: "mb"))
    var memory: Int64?

    @Option(help: ArgumentHelp("An environment variable, NAME=VALUE; may be given again.", valueName: "variable"))
    var env: [String] = []

    @Argument(parsing: .postTerminator, help: "What the image's command is given.")
    var arguments: [String] = []

    func validate() throws {
        for variable in env
        where variable.split(separator: "=", omittingEmptySubsequences: false)[0].isEmpty
            || !variable.contains("=")
        {
            throw ValidationError("--env \(variable): it must be NAME=VALUE")
        }
    }

    /// Nothing but perhaps an image is said.
    var isEmpty: Bool { cpu == nil && memory == nil && env.isEmpty && arguments.isEmpty }

    /// `nil` without an image.
    var spec: JSON? {
        guard let image else { return nil }
        let variables = env.map { variable in
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return JSON.Member(String(parts[0]), .string(String(parts[1])))
        }
        return .members([
            "executable": Executable(url: image).json,
            "resources": ResourceRequirements(cores: cpu ?? 1, memoryMB: memory ?? 128).json,
            "env": .object(variables), "args": .array(arguments.map { .string($0) }),
        ])
    }
}
