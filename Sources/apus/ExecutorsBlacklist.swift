import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsBlacklist: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blacklist",
        abstract: "Move applications off executors and place nothing there any more.",
        discussion: """
            Each instance goes when a new one is healthy elsewhere, one at a time of each application; tasks run to \
            their ends. An executor is BLACKLIST_REQUESTED until no application is left there, then BLACKLISTED.
            """
    )

    @OptionGroup var executors: ExecutorArguments
    @OptionGroup var api: APIOptions

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        let data = try await run.perform(.blacklist)
        run.show(data, "successful", "is blacklisted; its applications move")
        try checkBlacklisting(data)
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
        let data = try await run.perform(.unblacklist)
        run.show(data, "successful", "takes work again")
        try checkBlacklisting(data)
    }
}

/// - Throws: `CommandFailure` with the reason of each executor that it did not work for.
private func checkBlacklisting(_ data: JSON) throws {
    guard case .array(let reasons)? = data["reasons"], !reasons.isEmpty else { return }
    throw CommandFailure(.conflict, reasons.compactMap(\.text).joined(separator: "\n"))
}
