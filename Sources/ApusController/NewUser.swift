package import ApusModel

/// A user as somebody wants it.
package struct NewUser: Sendable {
    /// What it is known by.
    package enum Secret: Sendable {
        case password(Password)
        case hash(PasswordHash)
    }

    package var name: String
    package var role: Role
    package var secret: Secret

    /// - Throws: `UserFault` if the name cannot be one.
    package init(name: String, role: Role, secret: Secret) throws(UserFault) {
        self.name = try Self.checked(name)
        self.role = role
        self.secret = secret
    }

    var hasPassword: Bool { if case .password = secret { true } else { false } }

    /// The hash of its password, made here if it is not there yet; blocks.
    ///
    /// - Throws: `UserFault` if this machine cannot make one.
    package func hash() throws(UserFault) -> PasswordHash {
        switch secret {
        case .hash(let hash): hash
        case .password(let password): try Bcrypt.hash(password)
        }
    }

    private static let longestName = 64

    /// The name, if it can be one: 1 to 64 letters, digits and `-_.@`.
    static func checked(_ name: String) throws(UserFault) -> String {
        guard (1...longestName).contains(name.utf8.count),
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.@".contains($0)) })
        else { throw UserFault("a user's name must be 1 to \(longestName) letters, digits, and any of - _ . @") }
        return name
    }

    /// The role of that name.
    package static func role(_ text: String) throws(UserFault) -> Role {
        if let role = Role(ofUser: text) { return role }
        let names = Role.ofUsers.map(\.rawValue).joined(separator: ", ")
        throw UserFault("role must be one of [\(names)], or root, read-write, maintenance, read-only")
    }

    /// What a body or a file says beside a name; `nil` if it says neither.
    static func secret(password: JSON?, hash: JSON?) throws(UserFault) -> Secret? {
        switch (password, hash) {
        case (nil, nil): return nil
        case (.string(let text)?, nil): return .password(try Password(text))
        case (nil, .string(let text)?):
            guard let hash = PasswordHash(text) else {
                throw UserFault("the hash of the password must be a bcrypt hash ($2a$, $2b$ or $2y$) of cost 4 to 16")
            }
            return .hash(hash)
        case (_?, _?): throw UserFault("give a password or its hash, not both")
        default: throw UserFault("a password, or its hash, must be a string; put it into quotes")
        }
    }
}

/// A list of users in the form of Drove's `userAuth`: its configuration, or that part of it alone.
package struct UserList: Sendable {
    package let users: [NewUser]

    /// - Throws: `UserFault` with the first fault, and whose it is.
    package init(json: JSON) throws(UserFault) {
        let list = json["userAuth"] ?? json
        if list["enabled"] == false {
            throw UserFault("it says enabled: false, so its users would be none; set that to true")
        }
        let isPlain: Bool
        switch list["encoding"]?.text?.uppercased() {
        case "PLAIN": isPlain = true
        case "CRYPT": isPlain = false
        default: throw UserFault("encoding must be PLAIN or CRYPT")
        }
        guard case .array(let entries)? = list["users"], !entries.isEmpty, entries.count <= Users.most else {
            throw UserFault("users must be a list of 1 to \(Users.most) users, each with username, password and role")
        }
        var users: [NewUser] = []
        for (index, entry) in entries.enumerated() {
            let user = try Self.user(entry, index + 1, isPlain: isPlain)
            guard !users.contains(where: { $0.name == user.name }) else {
                throw UserFault("user \(user.name) is there twice")
            }
            users.append(user)
        }
        self.users = users
    }

    private static func user(_ entry: JSON, _ number: Int, isPlain: Bool) throws(UserFault) -> NewUser {
        let name = entry["username"]?.text ?? ""
        do throws(UserFault) {
            let shown = entry["password"]
            // What Drove's image puts in from its environment.
            if let text = shown?.text, text.hasPrefix("${"), text.hasSuffix("}") {
                throw UserFault("its password is a variable; write the password, or its hash")
            }
            guard let secret = try NewUser.secret(password: isPlain ? shown : nil, hash: isPlain ? nil : shown) else {
                throw UserFault("it has no password")
            }
            return try NewUser(name: name, role: try NewUser.role(entry["role"]?.text ?? ""), secret: secret)
        } catch {
            let whose = name.isEmpty ? "" : " (\(name.prefix(64)))"
            throw UserFault("user \(number) of the list\(whose): \(error)")
        }
    }
}
