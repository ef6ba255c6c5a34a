import ApusClient
import ApusEngine
import ApusModel
import ApusStore
import Logging
import Synchronization

/// The users and the keys of instance tokens: kept in the store, and told to what uses them here.
///
/// They are records of their own, changed beside the leader's turns and fenced like these: nothing that the engine
/// decides hangs on them, and no snapshot of the state holds them.
final class Vault: Sendable {
    /// How soon a change holds here that another controller made, or whose outcome was in doubt.
    private static let refreshInterval: Duration = .seconds(2)
    /// Before a store that was away is asked again.
    private static let storePause: Duration = .milliseconds(200)
    /// How long a change waits for another.
    private static let patience: Duration = .seconds(5)
    private static let keys = [Users.recordKey, InstanceTokens.recordKey]

    private let settings: ControllerSettings
    private let store: any StateStore
    private let access: Access
    private let outfit: Outfit
    private let time: TimeSource
    private let logger: Logger
    /// One change, or look into the store, at a time.
    private let gate = Gate(limit: 1)
    /// What was taken last, so that nothing is read twice.
    private let taken = Mutex<[RecordKey: [UInt8]]?>(nil)

    init(
        _ settings: ControllerSettings,
        store: any StateStore,
        access: Access,
        outfit: Outfit,
        time: TimeSource,
        logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.access = access
        self.outfit = outfit
        self.time = time
        self.logger = logger
    }

    // MARK: from the store

    /// Takes what the store holds, before this controller leads, and makes what it lacks.
    ///
    /// - Throws: `ControllerError` if that cannot be used, or if the API would be open to other machines, or what the
    ///   store throws.
    func open(at epoch: Epoch) async throws {
        try await gate.pass {
            var (users, tokens) = try await stored()
            if users.all.isEmpty, !settings.callers.users.isEmpty {
                users = try await firstUsers()
                try await keep(Users.recordKey, users.record, at: epoch)
                logger.info("the first users are there", metadata: ["users": "\(users.all.count)"])
            }
            try refuse(unless: users)
            if tokens == nil {
                let new = InstanceTokens(at: time().wall)
                try await keep(InstanceTokens.recordKey, new.record, at: epoch)
                tokens = new
            }
            if let tokens { await take(users, tokens) }
        }
    }

    /// Users that were to be there are; and beyond this machine somebody must have to say who they are.
    private func refuse(unless users: Users) throws {
        if users.all.isEmpty, let path = settings.callers.missingUsers {
            throw ControllerError(description: "\(path) cannot be opened, and there is no user yet: no such file")
        }
        guard settings.isReachable else { return }
        guard !users.all.isEmpty else {
            throw ControllerError(
                description: """
                    The API is to be reached from other machines, and there is no user: whoever reached it would \
                    control the cluster. Give a file of users with --users, or add one with `apus users set` while \
                    the API listens on loopback.
                    """
            )
        }
        guard settings.nodeSecrets() != nil else {
            throw ControllerError(
                description: """
                    The API is to be reached from other machines, and there is no node secret: whoever reached it \
                    could call itself an executor. Give a file with one to every node with --node-secret-file.
                    """
            )
        }
    }

    private func firstUsers() async throws -> Users {
        var users = Users()
        do throws(UserFault) {
            try users.set(try await hashed(settings.callers.users))
        } catch {
            throw ControllerError(description: "The file of --users cannot be used: \(error).")
        }
        return users
    }

    /// Stores a record for as long as it takes: nothing can be begun without it.
    private func keep(_ key: RecordKey, _ record: JSON, at epoch: Epoch) async throws {
        let batch = Batch(epoch: epoch, writes: [.put(key, record.bytes)])
        while let error = await failure(of: batch) {
            guard case .unavailable = error else { throw error }
            logger.warning(
                "the store does not take what callers are known by; trying again",
                metadata: ["record": "\(key.id)", "error": "\(error)"]
            )
            try await Task.sleep(for: Self.storePause)
        }
    }

    /// `nil` if the batch is stored.
    private func failure(of batch: Batch) async -> StoreError? {
        do throws(StoreError) {
            try await store.commit(batch)
            return nil
        } catch {
            return error
        }
    }

    /// What the store holds now; no tokens in a new one.
    private func stored() async throws -> (Users, InstanceTokens?) {
        let records = try await store.list(.cluster).filter { Self.keys.contains($0.key) }
        let found = Dictionary(records.map { ($0.key, $0.bytes) }) { $1 }
        do {
            let users = try found[Users.recordKey].map { try Users(record: try JSON(parsing: $0)) }
            let tokens = try found[InstanceTokens.recordKey].map { try InstanceTokens(record: try JSON(parsing: $0)) }
            return (users ?? Users(), tokens)
        } catch {
            throw ControllerError(
                description: "The stored users, or keys of instance tokens, cannot be used: \(error)."
            )
        }
    }

    private func take(_ users: Users, _ tokens: InstanceTokens) async {
        let records = [Users.recordKey: users.record.bytes, InstanceTokens.recordKey: tokens.record.bytes]
        guard taken.withLock(\.self) != records else { return }
        await outfit.take(tokens)
        if !users.all.isEmpty, access.users.all.isEmpty, settings.nodeSecrets() == nil {
            logger.warning(
                """
                there are users and no node secret: programs of this machine can report as an executor, and executors \
                take commands from them; give all nodes one with --node-secret-file
                """
            )
        }
        access.take(users, tokens)
        taken.withLock { $0 = records }
    }

    /// Looks into the store at once, and again and again until cancelled.
    ///
    /// - Throws: `ControllerError` if the API is open to other machines, though this controller only stands by.
    func run() async throws {
        var (trouble, isChecked) = ("", false)
        while !Task.isCancelled {
            var found: Users?
            do {
                found = try await look()
                trouble = ""
            } catch is CancellationError {
                return
            } catch {
                if trouble != "\(error)" {
                    logger.warning("the users could not be read", metadata: ["error": "\(error)"])
                }
                trouble = "\(error)"
            }
            // Who brings the first users may have to lead before they are there.
            if let found, !isChecked, !found.all.isEmpty || settings.callers.users.isEmpty {
                try refuse(unless: found)
                isChecked = true
            }
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: Self.refreshInterval)
        }
    }

    /// Takes what the store holds; `nil` if nobody has led by it yet.
    private func look() async throws -> Users? {
        try await gate.pass {
            let (users, tokens) = try await stored()
            guard let tokens else { return nil }
            await take(users, tokens)
            return users
        }
    }

    // MARK: changes

    /// Changes the users: from its return on, for all callers.
    func changeUsers(
        at epoch: Epoch,
        _ change: @Sendable (inout Users) throws(UserFault) -> Void
    ) async throws(APIRefusal) {
        try await changing { (users, tokens) async throws(APIRefusal) in
            do throws(UserFault) {
                try change(&users)
            } catch {
                throw .spec(.violations([error.description]))
            }
            try await put(Users.recordKey, users.record, at: epoch)
        }
    }

    /// A new key signs from now on; `oldest` is the creation of the oldest living instance.
    ///
    /// - Returns: how many keys there are now.
    func rotateKeys(at epoch: Epoch, oldest: WallTime?) async throws(APIRefusal) -> Int {
        try await changing { (users, tokens) async throws(APIRefusal) in
            guard let rotated = tokens.rotated(at: time().wall, oldest: oldest) else {
                throw .refused(
                    """
                    There are \(InstanceTokens.mostKeys) keys, and instances are as old as the first of them: replace \
                    the oldest instances, then rotate again
                    """
                )
            }
            try await put(InstanceTokens.recordKey, rotated.record, at: epoch)
            tokens = rotated
            return rotated.count
        }
    }

    /// With their passwords hashed, one after the other.
    func hashed(_ users: [NewUser]) async throws(UserFault) -> [User] {
        var hashed: [User] = []
        for user in users {
            hashed.append(User(name: user.name, role: user.role, hash: try await hash(of: user.secret)))
        }
        return hashed
    }

    func hash(of secret: NewUser.Secret) async throws(UserFault) -> PasswordHash {
        switch secret {
        case .hash(let hash): return hash
        case .password(let password):
            let made: Result<PasswordHash, UserFault>
            do throws(AccessRefusal) {
                made = try await access.passwords.hash(password)
            } catch {
                throw UserFault("too many passwords are being checked just now; try again")
            }
            return try made.get()
        }
    }

    private func changing<Value>(
        _ change: (inout Users, inout InstanceTokens) async throws(APIRefusal) -> Value
    ) async throws(APIRefusal) -> Value {
        try await enter()
        defer { gate.leave() }
        var (users, tokens) = try await current()
        let value = try await change(&users, &tokens)
        await take(users, tokens)
        return value
    }

    private func enter() async throws(APIRefusal) {
        do {
            try await withDeadline(Self.patience, late: { CancellationError() }) { [gate] in try await gate.enter() }
        } catch {
            throw .busy("Another change of users or keys is under way; try again")
        }
    }

    private func current() async throws(APIRefusal) -> (Users, InstanceTokens) {
        do {
            let (users, tokens) = try await stored()
            if let tokens { return (users, tokens) }
        } catch {
            throw .unavailable("Nothing was changed: \(error)")
        }
        throw .unavailable("Nothing was changed: the store has no keys of instance tokens")
    }

    private func put(_ key: RecordKey, _ record: JSON, at epoch: Epoch) async throws(APIRefusal) {
        switch await failure(of: Batch(epoch: epoch, writes: [.put(key, record.bytes)])) {
        case nil: return
        case .fenced(let other): throw .unavailable("Another leadership has begun (\(other)); try again")
        case .unavailable(let reason):
            // What became of it is read again by `run`.
            throw .inDoubt(
                "Whether this was stored is not known yet: look before you try again. The store says: \(reason)"
            )
        case let error?: throw .unavailable("Nothing was changed: \(error)")
        }
    }
}
