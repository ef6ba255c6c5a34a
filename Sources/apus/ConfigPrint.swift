import ApusClient
import ApusModel
import ArgumentParser

struct ConfigPrint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print",
        abstract: "Show the settings with which a controller, an executor or a node would run here.",
        discussion: """
            They come from where the role itself takes them: its options, which may stand here too, the environment, a \
            file. If something is wrong with them it says so and ends with 64. What comes out of another file, by \
            ${file:…}, is not shown.
            """
    )

    @Option(help: ArgumentHelp("Whose settings: controller, executor or node.", valueName: "role"))
    var role: NodeRole

    @Option(
        help: ArgumentHelp(RoleOptions.configHelp, valueName: "file"),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var config: String?

    @Flag(help: "Say where each comes from.")
    var origin = false

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("Options of the role.", valueName: "options"))
    var options: [String] = []

    func run() async throws {
        let configuration = try RoleConfiguration(role, options + (config.map { ["--config", $0] } ?? []))
        let derived = try configuration.command().derived()
        configuration.warn()
        guard !json else { return Output.line(report(configuration, derived).serialized) }
        Output.line("\(role.rawValue), \(configuration.path.map { "file \($0)" } ?? "no file")")
        let rows = configuration.settings.all.map { setting in
            let shown = setting.shown(derived)
            let row = [setting.option.name, shown.isEmpty ? "-" : shown.joined(separator: ", ")]
            return origin ? row + [setting.origin.description] : row
        }
        Output.table([["SETTING", "VALUE"] + (origin ? ["ORIGIN"] : [])] + rows)
    }

    private func report(_ configuration: RoleConfiguration, _ derived: [String: String]) -> JSON {
        let settings = configuration.settings.all.map { setting -> JSON in
            .members([
                "name": .string(setting.option.name), "value": setting.json(derived),
                "origin": .string(setting.origin.description),
                "live": .bool(role.command.live.contains(setting.option.name)),
            ])
        }
        return .members([
            "role": .string(role.rawValue), "file": configuration.path.map { JSON.string($0) } ?? JSON.null,
            "settings": .array(settings),
        ])
    }
}

extension EffectiveSettings.Setting {
    /// Its values; what the machine decides where nobody does.
    fileprivate func shown(_ derived: [String: String]) -> [String] {
        texts.isEmpty ? derived[option.name].map { [$0] } ?? [] : texts.map(\.shown)
    }

    fileprivate func json(_ derived: [String: String]) -> JSON {
        let shown = shown(derived)
        switch option.kind {
        case .flag: return .bool(shown.contains("true"))
        case .value: return shown.last.map { .string($0) } ?? .null
        case .list: return .array(shown.map { .string($0) })
        }
    }
}
