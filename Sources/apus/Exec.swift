import ApusClient
import ApusModel
import ArgumentParser
import UnixSignals

struct Exec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command in a container that runs, and end with its exit code.",
        discussion: """
            Of an application or a local service its oldest healthy instance is taken.

            The exit code is the command's. It is 125, with the reason, if there is none: there is no such instance, the \
            machine's limits forbid it, or the connection broke. Without a terminal Ctrl-C ends the command; at one \
            (-it) it is a key like any other.
            """
    )

    @Argument(
        help: ArgumentHelp(
            """
            An instance (AI-…, SI-…, TI-…), an application (also by its NAME if one version runs), a local service, or a \
            task (SOURCE/TASK).
            """,
            valueName: "id"
        ),
        completion: LiveNames.anything
    )
    var id: String

    @Flag(name: [.customShort("i"), .customLong("stdin")], help: "Send standard input to the command.")
    var readsInput = false

    @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the command a terminal; this one, with -i.")
    var hasTerminal = false

    @Option(help: ArgumentHelp("Whom to run it as. Default: the container's own user.", valueName: "user[:group]"))
    var user: String?

    @Option(help: ArgumentHelp("Where in the container to run it. Default: the container's own.", valueName: "dir"))
    var workdir: String?

    @Option(help: ArgumentHelp("An environment variable, NAME=VALUE; may be given again.", valueName: "variable"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Take this instance of the application or local service.", valueName: "id"))
    var instance: String?

    @OptionGroup var controller: EndpointOptions

    @Argument(parsing: .postTerminator, help: "The program and what it is given, behind --.")
    var command: [String] = []

    func validate() throws {
        guard !id.isEmpty else { throw ValidationError("name an instance, not an empty text") }
        do {
            try request.check()
        } catch {
            throw ValidationError(command.isEmpty ? "name the command behind --" : error.message)
        }
    }

    private var request: ExecRequest {
        var request = ExecRequest(command: command)
        request.hasTerminal = hasTerminal
        request.readsInput = readsInput
        request.user = user
        request.directory = workdir
        request.environment = env
        return request
    }

    func run() async throws {
        let code: Int64
        do {
            code = try await callingAPI { try await runCommand() }
        } catch let failure as CommandFailure where failure.code != .interrupted {
            throw CommandFailure(.noExitCode, failure.message)
        }
        guard code == 0 else { throw ExitCode(Int32(truncatingIfNeeded: code)) }
    }

    private func runCommand() async throws -> Int64 {
        let isInteractive = hasTerminal && readsInput
        guard !isInteractive || Terminal.isInput else {
            throw CommandFailure(.noExitCode, "-t with -i needs a terminal as standard input; leave -t out")
        }
        let client = try controller.client
        let target = try await ExecTarget(id, instance: instance.map { InstanceID($0) }, client).instance()
        let course = ExecCourse(
            client: ExecClient(controller: try await client.leadingEndpoint(), as: client.caller),
            instance: target,
            request: request
        )
        return try await interruptible(
            "Interrupted: the executor is told to end the command in \(target).",
            // Whatever ends it, the terminal is to be as it was.
            on: isInteractive ? [.sigint, .sigterm, .sighup] : [.sigint]
        ) {
            defer { Terminal.restore() }
            if isInteractive { try Terminal.handOnKeys() }
            return try await course.run()
        }
    }
}
