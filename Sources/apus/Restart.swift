import ArgumentParser

/// As `apus apps restart`.
struct Restart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: AppsRestart.configuration.abstract,
        discussion: AppsRestart.configuration.discussion
    )

    @OptionGroup var app: RunningAppArgument
    @OptionGroup var restart: RestartOptions

    func run() async throws { try await restart.perform(try await app.id(restart.api)) }
}
