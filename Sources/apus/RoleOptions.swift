import ArgumentParser

/// Where the settings of a role stand beside the command line, and what it is called.
struct RoleOptions: ParsableArguments {
    /// For no file.
    static let none = "none"
    static let configHelp: String = "The settings, in YAML or JSON: its keys are the long options. none for no file."

    @Option(
        help: ArgumentHelp(
            "\(configHelp) Default: the role's in \(RoleConfiguration.folder), if it is there. Read again on SIGHUP.",
            valueName: "file"
        ),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var config: String?

    @Option(
        help: ArgumentHelp(
            "A name for this process in its log and its metrics, to tell it from others of its kind.",
            valueName: "name"
        )
    )
    var label: String?

    func validate() throws {
        guard let label else { return }
        guard (1...64).contains(label.utf8.count),
            label.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
        else { throw ValidationError("--label must be up to 64 letters, digits, dots, hyphens and underscores") }
    }
}
