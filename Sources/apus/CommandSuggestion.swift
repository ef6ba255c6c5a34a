import ApusClient
import ArgumentParser

/// Which command somebody may have meant who wrote one that there is not.
enum CommandSuggestion {
    /// The whole command, `apus executors list` say; `nil` if the commands are known, or nothing is like them.
    ///
    /// `words` is the command line without the program.
    static func text(_ root: any ParsableCommand.Type, _ words: some Sequence<String>) -> String? {
        var command = root
        var path = name(of: root)
        for word in words {
            let known = command.configuration.subcommands
            guard !known.isEmpty, !word.hasPrefix("-") else { return nil }
            guard let next = known.first(where: { name(of: $0) == word }) else {
                return Spelling.closest(to: word, among: known.map { name(of: $0) }).map { "\(path) \($0)" }
            }
            command = next
            path += " \(word)"
        }
        return nil
    }

    private static func name(of command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "" }
}
