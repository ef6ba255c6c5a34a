/// A command to be run in a container that runs already.
package struct ExecRequest: Hashable, Sendable {
    /// Of all that a request says together, in bytes of UTF-8.
    package static let longest = 64 << 10

    /// The program and what it is given.
    package var command: [String]
    /// It has a terminal: what it writes comes as one stream.
    package var hasTerminal = false
    /// Something is sent to its standard input.
    package var readsInput = false
    /// As the engine reads it, `user` or `user:group`; `nil`: the container's own.
    package var user: String?
    /// A whole path in the container; `nil`: the container's own.
    package var directory: String?
    /// Each `NAME=VALUE`.
    package var environment: [String] = []

    package init(command: [String]) { self.command = command }

    /// Reads the form of `query`; what it does not know is left out.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(query: [(name: String, value: String)]) throws(JSONError) {
        func last(_ name: String) -> String? {
            query.last { $0.name == name }.flatMap { $0.value.isEmpty ? nil : $0.value }
        }
        func flag(_ name: String) throws(JSONError) -> Bool {
            switch last(name) {
            case "true": return true
            case "false", nil: return false
            case let other?: throw JSONError("\(name) must be true or false, not \(other.clipped(toBytes: 100))")
            }
        }
        command = query.filter { $0.name == "command" }.map(\.value)
        hasTerminal = try flag("tty")
        readsInput = try flag("stdin")
        user = last("user")
        directory = last("workdir")
        environment = query.filter { $0.name == "env" }.map(\.value)
        try check()
    }

    /// - Throws: `JSONError` if no command can be meant by it.
    package func check() throws(JSONError) {
        guard let program = command.first, !program.isEmpty else { throw JSONError("there is no command to run") }
        let texts = command + environment + [user, directory].compactMap(\.self)
        let length = texts.reduce(0) { $0 + $1.utf8.count }
        guard length <= Self.longest else {
            throw JSONError("the command is \(length) bytes long, with all that belongs to it; at most \(Self.longest)")
        }
        guard !texts.contains(where: { $0.utf8.contains(0) }) else {
            throw JSONError("the command holds a byte of zero")
        }
        for variable in environment where (variable.firstIndex(of: "=") ?? variable.startIndex) == variable.startIndex {
            throw JSONError("env \(variable.clipped(toBytes: 100)): it must be NAME=VALUE")
        }
        guard directory?.hasPrefix("/") ?? true else {
            throw JSONError("workdir must be a whole path that begins with /")
        }
    }

    /// What stands in the query of a call.
    package var query: [(name: String, value: String)] {
        var query = command.map { (name: "command", value: $0) }
        if hasTerminal { query.append((name: "tty", value: "true")) }
        if readsInput { query.append((name: "stdin", value: "true")) }
        if let user { query.append((name: "user", value: user)) }
        if let directory { query.append((name: "workdir", value: directory)) }
        return query + environment.map { (name: "env", value: $0) }
    }
}
