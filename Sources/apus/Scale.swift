import ArgumentParser

/// As `apus apps scale`.
struct Scale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: AppsScale.configuration.abstract
    )

    @OptionGroup var app: RunningAppArgument
    @OptionGroup var scale: ScaleOptions

    func run() async throws { try await scale.perform(try await app.id(scale.api)) }
}
