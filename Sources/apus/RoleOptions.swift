import ApusClient
import ArgumentParser

/// What is said to every role: where its settings stand beside the command line, what it is called, whom it belongs to.
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

    @OptionGroup var zooKeeper: ZooKeeperOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard let label else { return }
        guard (1...64).contains(label.utf8.count),
            label.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
        else { throw ValidationError("--label must be up to 64 letters, digits, dots, hyphens and underscores") }
    }

    /// What holds where nobody says anything and the machine decides, by option, of a process that listens there.
    func derived(state: String, at address: NodeAddress, admin: NodeAddress?) throws -> [String: String] {
        [
            "state": state, "hostname": try network.announced(address),
            "admin-address": admin?.description ?? AdminOptions.none,
        ]
    }
}
