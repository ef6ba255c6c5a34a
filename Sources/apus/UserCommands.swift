import ApusClient
import ApusController
import ApusModel
import ArgumentParser

/// The commands about who may call the API.
struct UserCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users",
        abstract: "Say who may call the API, and what they may do.",
        discussion: """
            While there are no users, everybody who reaches the API is root, so it listens on loopback only. The first \
            user must have the role root. A change holds at once, on all controllers.
            """,
        subcommands: [UsersList.self, UsersSet.self, UsersRemove.self, UsersImport.self]
    )

    static func show(_ users: JSON, _ api: APIOptions) {
        guard !api.json else { return Output.line(users.serialized) }
        Output.list(["NAME", "ROLE"], users.rows(["name", "role"]), orElse: "there are no users: everybody is root")
    }
}

struct UsersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the users and their roles.")

    @OptionGroup var api: APIOptions

    func run() async throws {
        UserCommands.show(try await callingAPI { try await api.client.users() }, api)
    }
}

struct UsersSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Add a user, or change one.",
        discussion: "What is not given stays. A password is hashed here and is never an argument, which others can see."
    )

    @Argument(
        help: ArgumentHelp("1 to 64 letters, digits, and any of - _ . @", valueName: "name"),
        completion: LiveNames.users
    )
    var name: String

    @Option(help: ArgumentHelp("root, read-write, maintenance or read-only, or Drove's name of it.", valueName: "role"))
    var role: String?

    @Option(
        help: ArgumentHelp("A file with the user's new password, or - for standard input.", valueName: "file"),
        completion: .file()
    )
    var newPasswordFile: String?

    @Option(help: ArgumentHelp("The bcrypt hash of the user's new password instead.", valueName: "hash"))
    var passwordHash: String?

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard role != nil || newPasswordFile != nil || passwordHash != nil else {
            throw ValidationError("give --role, --new-password-file or --password-hash")
        }
        guard newPasswordFile == nil || passwordHash == nil else {
            throw ValidationError("give --new-password-file or --password-hash, not both")
        }
        guard let role, Role(ofUser: role) == nil else { return }
        throw ValidationError("--role must be root, read-write, maintenance or read-only, not \(role)")
    }

    func run() async throws {
        var hash = passwordHash
        if let newPasswordFile {
            let password = try NewPasswordFile(path: newPasswordFile).password()
            do throws(UserFault) {
                hash = try Bcrypt.hash(password).text
            } catch {
                throw CommandFailure(.other, "\(error)")
            }
        }
        let body = JSON.members(["role": role.map { .string($0) }, "passwordHash": hash.map { .string($0) }])
        let user = try await callingAPI { try await api.client.setUser(name, body) }
        Output.line(api.json ? user.serialized : "\(name) is \(user["role"]?.text ?? "")")
    }
}

struct UsersRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Remove a user.")

    @Argument(help: ArgumentHelp("The user's name.", valueName: "name"), completion: LiveNames.users)
    var name: String

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI { try await api.client.removeUser(name) }
        Output.line(
            api.json ? JSON.members(["name": .string(name), "removed": true]).serialized : "\(name) is removed"
        )
    }
}

struct UsersImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Add or change the users of a file of Drove's userAuth: all of them, or none.",
        discussion: """
            The file, in YAML or JSON, is the userAuth of Drove's controller.yml, or all of that file; only its owner \
            may be able to read it. Passwords (PLAIN) are hashed here. Users that it does not name stay.
            """
    )

    @Argument(help: ArgumentHelp("The file.", valueName: "file"), completion: .file())
    var file: String

    @OptionGroup var api: APIOptions

    func run() async throws {
        guard let users = try UsersFile(path: file).users() else {
            throw CommandFailure(.other, "\(file) cannot be opened: there is no such file")
        }
        let hashed: [JSON]
        do {
            hashed = try users.map { user in
                .members([
                    "username": .string(user.name), "password": .string(try user.hash().text),
                    "role": .string(user.role.rawValue),
                ])
            }
        } catch {
            throw CommandFailure(.other, "\(file): \(error)")
        }
        let list = JSON.members(["enabled": true, "encoding": "CRYPT", "users": .array(hashed)])
        UserCommands.show(try await callingAPI { try await api.client.setUsers(list) }, api)
    }
}
