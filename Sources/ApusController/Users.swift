package import ApusEngine
package import ApusModel

/// Somebody who may call the API.
package struct User: Hashable, Sendable {
    package var name: String
    package var role: Role
    package var hash: PasswordHash

    package init(name: String, role: Role, hash: PasswordHash) {
        self.name = name
        self.role = role
        self.hash = hash
    }
}

/// What is wrong with a user, or with a change of users, for the person who asked for it; never with a password in it.
package struct UserFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Everybody who may call the API: one record of the store, the same for all controllers.
///
/// While there is nobody, everybody is root. As soon as there is somebody, one of them is: who is to change users must
/// not be locked out.
package struct Users: Hashable, Sendable {
    package static let recordKey = RecordKey(.cluster, "users")
    /// So that they fit into one record.
    package static let most = 1000
    private static let schema: Int64 = 1

    /// By name.
    package private(set) var all: [User] = []

    package init() {}

    package subscript(name: String) -> User? { all.first { $0.name == name } }

    // MARK: changes

    /// Adds these, or puts them in the place of those of the same names.
    ///
    /// - Throws: `UserFault` if they are too many, or nobody would be root.
    package mutating func set(_ users: [User]) throws(UserFault) {
        var changed = self
        for user in users {
            changed.all.removeAll { $0.name == user.name }
            changed.all.append(user)
        }
        changed.all.sort { $0.name < $1.name }
        guard changed.all.count <= Self.most else { throw UserFault("there can be at most \(Self.most) users") }
        try changed.checkRoot()
        self = changed
    }

    /// Removes somebody who is there.
    ///
    /// - Throws: `UserFault` if others would be left without a root, or nobody at all on an API that `isReachable` from
    ///   other machines.
    package mutating func remove(_ name: String, isReachable: Bool) throws(UserFault) {
        var changed = self
        changed.all.removeAll { $0.name == name }
        guard !changed.all.isEmpty || !isReachable else {
            throw UserFault(
                "\(name) is the last user, and without users everybody is root: that is for an API on loopback only"
            )
        }
        try changed.checkRoot()
        self = changed
    }

    private func checkRoot() throws(UserFault) {
        guard all.isEmpty || all.contains(where: { $0.role == .root }) else {
            throw UserFault("one user at least must have the role \(Role.root.rawValue): make another one that first")
        }
    }

    // MARK: the record

    package init(record json: JSON) throws(JSONError) {
        guard try json.integer("schema") == Self.schema else { throw JSONError("the users' schema is not known") }
        for entry in try json.array("users") {
            guard let role = Role(ofUser: try entry.string("role")) else { throw JSONError("a role is not known") }
            guard let hash = PasswordHash(try entry.string("hash")) else {
                throw JSONError("the hash of a password is damaged")
            }
            all.append(User(name: try entry.string("name"), role: role, hash: hash))
        }
    }

    package var record: JSON {
        let entries = all.map { user in
            JSON.members([
                "name": .string(user.name), "role": .string(user.role.rawValue), "hash": .string(user.hash.text),
            ])
        }
        return .members(["schema": .integer(Self.schema), "users": .array(entries)])
    }

    /// For clients: without what could be guessed from.
    var json: JSON { .array(all.map(\.json)) }
}

extension User {
    var json: JSON { .members(["name": .string(name), "role": .string(role.rawValue)]) }
}
