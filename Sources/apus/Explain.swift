import ApusClient
import ApusModel
import ArgumentParser

/// Why there are no more instances of an application or a local service, or why a task does not run.
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what keeps an application or a local service from having more instances, or a task from running."
    )

    @Argument(
        help: ArgumentHelp(
            "NAME-VERSION of an application or, with --local-service, of such; or SOURCE/TASK",
            valueName: "id"
        ),
        completion: LiveNames.work
    )
    var name: String

    @Flag(help: "NAME-VERSION is a local service, not an application.")
    var localService = false

    @Flag(help: "Show what each executor says.")
    var executors = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard !name.isEmpty, !name.contains("/") || (TaskID(rawValue: name) != nil && !localService) else {
            throw ValidationError(
                "an application or local service is named NAME-VERSION, a task SOURCE/TASK, not \"\(name)\""
            )
        }
    }

    func run() async throws {
        let explanation = try await callingAPI {
            if localService {
                try await api.client.explanation(of: ServiceID(name), executors: executors)
            } else if let task = TaskID(rawValue: name) {
                try await api.client.explanation(of: task, executors: executors)
            } else {
                try await api.client.explanation(of: AppID(name), executors: executors)
            }
        }
        guard !api.json else {
            Output.line(explanation.serialized)
            return
        }
        for line in Self.elements(explanation["text"]) { Output.line(line.text ?? "") }
        let answers = Self.elements(explanation["executors"])
        guard executors, !answers.isEmpty else { return }
        Output.line("")
        Output.table([["EXECUTOR", "HOST", "ANSWER"]] + answers.map(row))
    }

    private func row(_ answer: JSON) -> [String] {
        let port = if case .integer(let port)? = answer["port"] { ":\(port)" } else { "" }
        let fits = answer["fits"] == true
        return [
            answer["executorId"]?.text ?? "", "\(answer["hostname"]?.text ?? "")\(port)",
            fits ? (localService ? "nothing hinders it" : "takes one") : answer["reason"]?.text ?? "",
        ]
    }

    private static func elements(_ json: JSON?) -> [JSON] {
        if case .array(let elements)? = json { elements } else { [] }
    }
}
