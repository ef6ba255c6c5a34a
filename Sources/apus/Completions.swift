import ArgumentParser

struct Completions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print what makes a shell complete commands, options and live names.",
        discussion: """
            bash: apus completions bash > ~/.local/share/bash-completion/completions/apus
            zsh:  apus completions zsh > DIR/_apus, for a DIR that $fpath names before compinit runs
            fish: apus completions fish > ~/.config/fish/completions/apus.fish

            Names of applications, tasks, instances and executors are asked of the controller that the command would \
            ask. Without an answer within a second none is offered.
            """
    )

    @Argument(help: "bash, zsh or fish.", completion: .list(["bash", "zsh", "fish"]))
    var shell: String

    func validate() throws { _ = try kind() }

    func run() async throws {
        let kind = try kind()
        Output.line(Apus.completionScript(for: kind))
        if kind == .bash { Output.line("\n\(Self.wholeWords)") }
    }

    private func kind() throws -> CompletionShell {
        guard let kind = CompletionShell(rawValue: shell) else {
            throw ValidationError("the shell must be bash, zsh or fish, not \(shell)")
        }
        return kind
    }
}
