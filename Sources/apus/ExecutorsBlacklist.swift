import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsBlacklist: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blacklist",
        abstract: "Move applications off executors and place nothing there any more.",
        discussion: """
            Each instance goes when a new one is healthy elsewhere, one at a time of each application; tasks run to \
            their ends. An executor is BLACKLIST_REQUESTED until no application is left there, then BLACKLISTED. `apus \
            executors drain` does the same and waits for that.
            """
    )

    @OptionGroup var executors: ExecutorArguments
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        let answer = try await run.perform(.blacklist)
        run.show(answer, "successful", "is blacklisted; its applications move")
        try answer.checkBlacklisting()
    }
}

struct ExecutorsUnblacklist: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unblacklist",
        abstract: "Place work on executors again."
    )

    @OptionGroup var executors: ExecutorArguments
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        let answer = try await run.perform(.unblacklist)
        run.show(answer, "successful", "takes work again")
        try answer.checkBlacklisting()
    }
}

extension DutyRun.Answer {
    /// Those that are to be free of work now.
    var blacklisted: [ExecutorID] {
        guard case .array(let ids)? = data["successful"] else { return [] }
        return ids.compactMap(\.text).map { ExecutorID($0) }
    }

    /// - Throws: `CommandFailure` with the reason of each executor that it did not work for.
    func checkBlacklisting() throws {
        guard case .array(let reasons)? = data["reasons"], !reasons.isEmpty else { return }
        throw CommandFailure(.conflict, reasons.compactMap(\.text).joined(separator: "\n"))
    }
}
