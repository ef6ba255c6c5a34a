import ApusEngine
import ApusModel
import HashTreeCollections
import Logging

/// Users, and the keys that sign instances' tokens.
extension Handling {
    /// Each takes a twentieth of a second, and somebody waits.
    private static let mostPasswords = 50

    func users() -> APIAnswer { .success(api.access.users.json) }

    /// Adds or changes those of a list in the form of Drove's `userAuth`: all of them or none.
    func setUsers() async throws(APIRefusal) -> APIAnswer {
        let json = try call.json()
        let wanted = try checked { () throws(UserFault) in
            let wanted = try UserList(json: json).users
            guard wanted.count(where: \.hasPassword) <= Self.mostPasswords else {
                throw UserFault("at most \(Self.mostPasswords) passwords are hashed at a time: send hashes (CRYPT)")
            }
            return wanted
        }
        let users: [User]
        do throws(UserFault) {
            users = try await api.vault.hashed(wanted)
        } catch {
            throw .spec(.violations([error.description]))
        }
        try await api.vault.changeUsers(at: state.epoch) { known throws(UserFault) in try known.set(users) }
        for user in users { await tell("a user was set", "USER_SET", user.name, user.role) }
        return .success(.array(users.map(\.json)))
    }

    /// Adds or changes one: `role`, and `password` or `passwordHash`; what is left out stays.
    func setUser() async throws(APIRefusal) -> APIAnswer {
        let (json, name) = (try call.json(), parameter(0))
        _ = try checked { () throws(UserFault) in try NewUser.checked(name) }
        guard case .object = json else { throw .spec(.violations(["The request body must be an object"])) }
        let role = try checked { () throws(UserFault) in
            guard let text = json["role"] else { return Role?.none }
            return try NewUser.role(text.text ?? "")
        }
        let secret = try checked { () throws(UserFault) in
            try NewUser.secret(password: json["password"], hash: json["passwordHash"])
        }
        guard role != nil || secret != nil else {
            throw .spec(.violations(["give a role, a password or a passwordHash"]))
        }
        let hash = try await hash(of: secret)
        try await api.vault.changeUsers(at: state.epoch) { known throws(UserFault) in
            guard let role = role ?? known[name]?.role, let hash = hash ?? known[name]?.hash else {
                throw UserFault("a new user needs a role and a password, or its hash")
            }
            try known.set([User(name: name, role: role, hash: hash)])
        }
        guard let user = api.access.users[name] else { throw .notFound("User \(name) not found") }
        await tell("a user was set", "USER_SET", name, user.role)
        return .success(user.json)
    }

    func removeUser() async throws(APIRefusal) -> APIAnswer {
        let name = parameter(0)
        guard api.access.users[name] != nil else { throw .notFound("User \(name) not found") }
        let isReachable = api.access.isReachable
        try await api.vault.changeUsers(at: state.epoch) { known throws(UserFault) in
            try known.remove(name, isReachable: isReachable)
        }
        await tell("a user was removed", "USER_REMOVE", name, nil)
        return .success(.members(["name": .string(name), "removed": true]))
    }

    private func hash(of secret: NewUser.Secret?) async throws(APIRefusal) -> PasswordHash? {
        guard let secret else { return nil }
        do throws(UserFault) {
            return try await api.vault.hash(of: secret)
        } catch {
            throw .unavailable(error.description)
        }
    }

    private func checked<Value>(_ body: () throws(UserFault) -> Value) throws(APIRefusal) -> Value {
        do throws(UserFault) {
            return try body()
        } catch {
            throw .spec(.violations([error.description]))
        }
    }

    private func tell(_ message: Logger.Message, _ action: String, _ name: String, _ role: Role?) async {
        api.logger.info(message, metadata: ["user.name": "\(name)", "by": "\(principal.name)"])
        let detail = role.map { JSON.members(["role": .string($0.rawValue)]) }
        await audit(action, of: AuditSubject(.user, name), detail: detail)
    }

    // MARK: keys

    /// A new key signs instances' tokens; the others hold for as long as an instance may have a token of them.
    func rotateInstanceKeys() async throws(APIRefusal) -> APIAnswer {
        _ = try call.json()
        // What was lost may come back, with the token that it has.
        let lost = state.ended.values.flatMap(\.entries).filter { $0.state == .lost }.map(\.created)
        let oldest = (state.instances.values.map(\.created) + lost).min()
        let count = try await api.vault.rotateKeys(at: state.epoch, oldest: oldest)
        api.logger.info("instances' tokens have a new key", metadata: ["keys": "\(count)", "by": "\(principal.name)"])
        await audit("INSTANCE_KEYS_ROTATE", of: AuditSubject(.cluster, state.cluster.rawValue))
        return .success(.members(["keys": .integer(Int64(count))]))
    }
}
