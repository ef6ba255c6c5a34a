import ApusClient
import ArgumentParser

struct ConfigAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a context; the first one becomes the current one.",
        discussion: """
            A password is not an argument, for every user of the machine sees those: it is read from a file, or from \
            standard input. The name DEFAULT makes the one that all others take their values from.
            """
    )

    @Argument(help: ArgumentHelp("What to call it.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("The controller's address, or those of several with commas.", valueName: "url"))
    var endpoint: String

    @Option(help: ArgumentHelp("Who you are there.", valueName: "name"))
    var username: String?

    @Option(
        help: ArgumentHelp("A file with the password in its first line, or - for standard input.", valueName: "file"),
        completion: .file()
    )
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "A file with a whole Authorization header's value in its first line, or - for standard input.",
            valueName: "file"
        ),
        completion: .file()
    )
    var authHeaderFile: String?

    @Flag(help: "Take any certificate.")
    var insecure = false

    @Flag(help: "Make it the current context.")
    var use = false

    @OptionGroup var file: ContextOptions

    func validate() throws {
        guard (username == nil) == (passwordFile == nil) else {
            throw ValidationError("--username and --password-file belong together")
        }
        guard username == nil || authHeaderFile == nil else {
            throw ValidationError("--username and --auth-header-file exclude each other")
        }
        let addresses = endpoint.split(separator: ",", omittingEmptySubsequences: false)
        guard addresses.allSatisfy({ $0.hasPrefix("http://") || $0.hasPrefix("https://") }) else {
            throw ValidationError("--endpoint must begin with http:// or https://, not be \(endpoint)")
        }
    }

    func run() async throws {
        var entries = [ContextFile.Entry("endpoint", endpoint)]
        if let username, let passwordFile {
            entries.append(ContextFile.Entry("username", username))
            let password = try ContextOptions.firstLine(of: passwordFile, for: "password")
            entries.append(ContextFile.Entry("password", password))
        }
        if let authHeaderFile {
            let header = try ContextOptions.firstLine(of: authHeaderFile, for: "value of the header")
            entries.append(ContextFile.Entry("auth_header", header))
        }
        if insecure { entries.append(ContextFile.Entry("insecure", "true")) }
        let (name, all, use) = (name, entries, use)
        try file.change { contexts throws(ContextFault) in
            try contexts.add(name, all)
            if use { try contexts.use(name) }
        }
        let isCurrent = try file.read().current == name
        Output.line("\(name) is added\(isCurrent ? ", and is the current context" : "")")
    }
}
