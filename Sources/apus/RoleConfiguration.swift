import ApusClient
import ApusExecutor
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How a role is configured here: by a command line, the environment and a file.
struct RoleConfiguration: Sendable {
    /// Where the files of the roles are unless they are named.
    static let folder = "/etc/apus"

    let role: NodeRole
    /// The command line behind the role.
    private let words: [String]
    /// Of the file; `nil` for none.
    let path: String?
    let settings: EffectiveSettings

    /// That of a command line without the program; `nil` if it runs no role.
    ///
    /// - Throws: `CommandFailure` with what is wrong in the environment or the file.
    init?(commandLine: [String]) throws {
        guard let role = commandLine.first.flatMap(NodeRole.init), !commandLine.contains(where: Self.asksForHelp) else {
            return nil
        }
        try self.init(role, Array(commandLine.dropFirst()))
    }

    /// - Throws: as above.
    init(_ role: NodeRole, _ words: [String]) throws {
        let environment = ProcessInfo.processInfo.environment
        let named =
            EffectiveSettings.given("config", in: words)
            ?? environment[Self.prefix(of: role) + EffectiveSettings.pathVariable].flatMap { $0.isEmpty ? nil : $0 }
        let usual = "\(Self.folder)/\(role.rawValue).yaml"
        let path = named ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil)
        try self.init(role, words, path == RoleOptions.none ? nil : path, environment)
    }

    private init(_ role: NodeRole, _ words: [String], _ path: String?, _ environment: [String: String]) throws {
        (self.role, self.words, self.path) = (role, words, path)
        let substitution = Substitution(environment: environment, host: MachineName.current) { path in
            try SmallFile(at: path, .ownersToWrite, followsLinks: true)?.bytes
        }
        var sources = EffectiveSettings.Sources(
            environment: environment,
            prefix: Self.prefix(of: role),
            substitution: substitution
        )
        do throws(SettingFault) {
            if let path {
                sources.path = path
                sources.file = try SettingsFile.read(path)
            }
            settings = try EffectiveSettings(try Self.options(of: role), words: words, sources: sources)
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }

    /// The same as everything says it now; the file stays the same one.
    ///
    /// - Throws: as `init`.
    func readAgain() throws -> RoleConfiguration {
        try RoleConfiguration(role, words, path, ProcessInfo.processInfo.environment)
    }

    /// The role's command, with its options checked.
    ///
    /// - Throws: `CommandFailure` with what is wrong, and who says it.
    func command() throws -> any RoleCommand {
        let command = role.command
        do {
            return try command.parse(settings.arguments)
        } catch {
            let message = command.message(for: error)
            throw CommandFailure(.usage, settings.explained(message, naming: message))
        }
    }

    /// Tells people of variables that were meant to be settings and are none.
    func warn() {
        for text in settings.strangers { Output.error("apus: \(text)") }
    }

    private static func prefix(of role: NodeRole) -> String { "APUS_\(role.rawValue.uppercased())_" }

    /// Whoever asks for help gets it, whatever a file says.
    private static func asksForHelp(_ word: String) -> Bool {
        ["-h", "--help", "--help-hidden", "--version", "--experimental-dump-help"].contains(word)
    }

    /// As the command declares them.
    private static func options(of role: NodeRole) throws(SettingFault) -> [SettingOption] {
        do {
            let help = try JSON(parsing: role.command._dumpHelp())
            guard case .array(let arguments)? = help["command"]?["arguments"] else { return [] }
            return arguments.compactMap(SettingOption.init)
        } catch {
            throw SettingFault("the options of \(role.rawValue) cannot be told: \(error)")
        }
    }
}

extension SettingOption {
    private static let noSettings = ["config", "help", "version"]

    /// Of what ArgumentParser tells of an argument; `nil` if it is no setting.
    fileprivate init?(help: JSON) {
        guard case .array(let names)? = help["names"],
            let name = names.first(where: { $0["kind"] == "long" })?["name"]?.text, !Self.noSettings.contains(name)
        else { return nil }
        let kind: Kind =
            if help["kind"] == "flag" { .flag } else if help["isRepeating"] == true {
                .list(ofPairs: help["valueName"]?.text?.contains("=") ?? false)
            } else { .value }
        self.init(name, kind, standard: help["defaultValue"]?.text)
    }
}
