import ApusModel
import ApusTestKit
import Foundation
import Testing

/// `drove config`, the options of the program itself, and what `apus` and it write for each other.
extension ServiceTests.DroveClientTests {
    func showPasswords(_ drove: DroveClient) async throws {
        let endpoint = ["--endpoint", drove.endpoint]
        let header = Self.header(UsersFile.name, UsersFile.password)
        let ping = "cluster ping"
        let good = "Cluster ping successful"
        try await drove.expect(good, from: ping)
        try await drove.expect(good, from: ping, with: endpoint + ["--auth-header", header, "--insecure"])
        try await drove.expect(
            "Username: True Password: True",
            good,
            from: ping,
            with: drove.access + ["--debug"]
        )
        let unknown = "Error making Drove call: Credentials are required to access this resource."
        let wrong = ["--username", UsersFile.name, "--password", "wrong"]
        try await drove.expect(unknown, from: ping, with: endpoint + wrong)
        try await drove.expect(unknown, from: ping, with: endpoint)
        try await drove.expect(unknown, from: ping, with: endpoint + ["--auth-header", Self.header("nobody", "x")])
        // Drove's 403 has no body, and without one the client has nothing to say.
        let reader = ["--username", UsersFile.readerName, "--password", UsersFile.readerPassword]
        let spec = try drove.file("web.json", service("WEB"))
        let refused = try await drove.run("apps create \(spec)", with: endpoint + reader)
        #expect(refused == "Error making Drove call: \n")
    }

    private static func header(_ username: String, _ password: String) -> String {
        "Basic \(Data("\(username):\(password)".utf8).base64EncodedString())"
    }

    /// Without a file of contexts, and with the first one in it.
    func beginContexts(_ drove: DroveClient) async throws {
        let file = "\(drove.folder)/.drove"
        let none: [String] = []
        try await drove.expect("Config file not found: \(file)", from: "config view", with: none)
        try await drove.expect("No clusters configured.", from: "config get-clusters", with: none)
        try await drove.expect("No current cluster set.", from: "config current-cluster", with: none)
        let header = Self.header(UsersFile.name, UsersFile.password)
        try await drove.expect(
            "Current cluster set to: DEFAULT",
            from: "config init --endpoint \(drove.endpoint) --insecure --auth-header",
            [header],
            with: none
        )
        try await drove.expect("Cluster ping successful", from: "cluster ping", with: none)
        // The command that it recommends does not exist.
        let again = "config init --endpoint \(drove.endpoint)"
        try await drove.expect("Use 'drove config add-context' to add more clusters.", from: again, with: none)
        #expect(try await !drove.commands().contains { $0.name == "config add-context" })
        try FileManager.default.removeItem(atPath: file)
    }

    /// Several contexts, and the clusters in them asked.
    func changeContexts(_ drove: DroveClient) async throws {
        let (file, none) = ("\(drove.folder)/.drove", [String]())
        let header = Self.header(UsersFile.name, UsersFile.password)
        let user = ["--username", UsersFile.name, "--password", UsersFile.password]
        try await drove.expect(
            "Current cluster set to: one",
            from: "config init --endpoint \(drove.endpoint) --name one",
            user,
            with: none
        )
        let two = "config add-cluster two --endpoint \(drove.endpoint) --insecure --auth-header"
        try await drove.expect("Cluster 'two' added to \(file)", from: two, [header], with: none)
        let three = "config add-cluster three --endpoint \(drove.endpoint)"
        let stale = ["--username", UsersFile.name, "--password", "a former password"]
        try await drove.expect("Cluster 'three' added to \(file)", from: three, stale, with: none)
        try await drove.expect("Error: cluster 'none' not found in config", from: "config use-cluster none", with: none)
        try await drove.expect("Switched to cluster \"three\".", from: "config use-cluster three", with: none)
        #expect(try await drove.run("config current-cluster", with: none) == "three\n")
        try await drove.expect("[three] (current)", "password = a fo****word", from: "config view", with: none)
        try await drove.expect("password = \(UsersFile.password)", from: "config view --raw", with: none)
        try await drove.expect("Cluster ping successful", from: "cluster ping", with: ["--cluster", "two"])
        try await drove.expect("Credentials are required", from: "cluster ping", with: none)
        try await drove.expect("was current cluster (now unset)", from: "config delete-cluster three", with: none)
        try await drove.expect("Switched to cluster \"one\".", from: "config use-cluster one", with: none)
        // Who asks is taken from the file too, whatever the command line says.
        let wrong = ["--username", "nobody", "--password", "wrong"]
        try await drove.expect("Cluster ping successful", from: "cluster ping", with: wrong)
    }

    /// Afterwards the file has the cluster `one` of `drove`, and those that `apus` adds.
    func shareContexts(_ drove: DroveClient) async throws {
        #expect(try await apus(["config", "current"], drove) == "one\n")
        #expect(try await apus(["apps", "list"], drove).contains("no applications"))
        #expect(try await apus(["apps", "list", "--cluster", "two"], drove).contains("no applications"))

        let add = "config add-cluster reader --endpoint \(drove.endpoint) --username \(UsersFile.readerName) --password"
        // A percent sign it does not write as one.
        try await drove.expect(
            "Drove CLI error: invalid interpolation syntax",
            from: add,
            [UsersFile.readerPassword],
            with: []
        )
        let password = try drove.file("password", "\(UsersFile.readerPassword)\n")
        _ = try await apus(
            [
                "config", "add", "reader", "--endpoint", drove.endpoint, "--username", UsersFile.readerName,
                "--password-file", password, "--use",
            ],
            drove
        )
        let clusters = try await drove.run("config get-clusters", with: [])
        let names = clusters.split(separator: "\n").filter { $0.contains(drove.endpoint) }
            .map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        #expect(names.count == 3 && names.last == ["*", "reader", drove.endpoint, "yes", "no"], "\(clusters)")
        try await drove.expect("Cluster ping successful", from: "cluster ping", with: [])
        let named = ["--file", "\(drove.folder)/.drove", "--cluster", "one"]
        try await drove.expect("Cluster ping successful", from: "cluster ping", with: named)
    }

    /// What `apus` says in the home of `drove`.
    private func apus(_ arguments: [String], _ drove: DroveClient) async throws -> String {
        let process = try ApusProcess(arguments, log: "\(drove.folder)/\(UUID().uuidString).log")
        try process.start(environment: ["HOME": drove.folder, "APUS_ENDPOINT": "", "DROVE_CONFIG": ""])
        let code = await process.end()
        #expect(code == 0, "apus \(arguments): \(process.said)")
        return process.said
    }

    func help(_ drove: DroveClient) async throws {
        let help = try await drove.run("", with: ["--full-help"])
        for command in try await drove.commands() where !command.words.isEmpty {
            #expect(help.contains("usage: drove \(command.name) "))
        }
        for shell in ["bash", "zsh", "tcsh"] {
            try await drove.expect("simulate-placement", from: "", with: ["--print-completion", shell])
        }
    }
}
