import ApusClient
import ArgumentParser

/// Which command somebody may have meant who wrote one that there is not.
enum CommandSuggestion {
    /// The whole command, `apus executors list` say; `nil` if the commands are known, or nothing is like them.
    ///
    /// `words` is the command line without the program.
    static func text(_ root: any ParsableCommand.Type, _ words: some Sequence<String>) -> String? {
        var (command, siblings) = (root, [any ParsableCommand.Type]())
        var (path, above) = (names(of: root)[0], "")
        for word in words {
            guard !word.hasPrefix("-") else { return nil }
            let known = command.configuration.subcommands
            guard !known.isEmpty else {
                return group(like: names(of: command)[0], of: word, among: siblings).map { "\(above) \($0) \(word)" }
            }
            guard let next = known.first(where: { names(of: $0).contains(word) }) else {
                return Spelling.closest(to: word, among: known.flatMap(names)).map { "\(path) \($0)" }
            }
            (command, siblings) = (next, known)
            (path, above) = ("\(path) \(word)", path)
        }
        return nil
    }

    /// The group of commands, `executors` say, that is called almost so and has that one.
    private static func group(
        like name: String,
        of command: String,
        among siblings: [any ParsableCommand.Type]
    ) -> String? {
        let groups = siblings.filter { $0.configuration.subcommands.contains { names(of: $0).contains(command) } }
        return Spelling.closest(to: name, among: groups.map { names(of: $0)[0] })
    }

    /// Its name, and others that it goes by.
    private static func names(of command: any ParsableCommand.Type) -> [String] {
        [command.configuration.commandName ?? ""] + command.configuration.aliases
    }
}
