import ApusClient
import ApusModel
import Crypto
import Logging
import NIOPosix
import Synchronization

/// Checks and hashes passwords on threads of its own: bcrypt is slow on purpose.
final class PasswordDesk: Sendable {
    /// Calls that may wait for a thread.
    static let mostWaiting = 64
    private static let threadCount = 2
    private static let patience: Duration = .seconds(10)

    /// For the process, never shut down: a closed one could not be told from a busy one.
    private static let threads: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: threadCount)
        threads.start()
        return threads
    }()

    private struct State {
        var remembered = RememberedLogins()
        var failures = FailureLimit()
        /// Of those who were not looked at for their passwords: they hold up nobody who shows the right thing.
        var proofs = FailureLimit()
        var underWay = 0
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let logger: Logger
    /// Of this process alone, so that its digests say nothing elsewhere.
    private let key = SymmetricKey(size: .bits256)

    init(time: TimeSource, logger: Logger) {
        self.time = time
        self.logger = logger
    }

    /// Whose login it is; `nil` if it is wrong.
    ///
    /// One of nobody takes as long: its password is measured by somebody's hash, for one name always by the same.
    ///
    /// - Throws: `AccessRefusal` if it was not looked at.
    func owner(of login: BasicLogin, among users: Users, from source: String) async throws(AccessRefusal) -> User? {
        let decoy = users.all[Int(digest(of: Array(login.name.utf8))[0]) % users.all.count]
        let user = users[login.name]
        let hash = (user ?? decoy).hash
        let digest = digest(of: Array("\(source)\n\(hash.text)\(login.name):".utf8) + login.password)
        if user != nil, isRemembered(digest) { return user }
        try refuse(source)
        let isRight = try await onThread { [self] () throws(AccessRefusal) in
            // Others with the same login, or from the same address, may have been before it.
            if user != nil, isRemembered(digest) { return true }
            try refuse(source)
            let isRight = Bcrypt.matches(login.password, hash) && user != nil
            if isRight { remember(digest) } else { countFailure(from: source) }
            return isRight
        }
        return isRight ? user : nil
    }

    private func countFailure(from source: String) {
        guard state.withLock({ $0.failures.fail(source, at: time().now) }) == FailureLimit.most else { return }
        logger.warning(
            "too many wrong passwords; none from there is looked at",
            metadata: ["source": "\(source)"]
        )
    }

    /// What whoever shows a wrong secret or token is told; they cannot be guessed, so that nobody else is shut out.
    func refusal(ofProofFrom source: String) -> AccessRefusal {
        let (wait, count) = state.withLock { state in
            let now = time().now
            if let wait = state.proofs.wait(of: source, at: now) { return (Optional(wait), 0) }
            return (nil, state.proofs.fail(source, at: now))
        }
        if let wait { return .tooManyFailures(seconds: Self.seconds(wait)) }
        if count == 1 || count == FailureLimit.most {
            logger.warning(
                "a wrong node secret or instance token is refused",
                metadata: ["source": "\(source)", "count": "\(count)"]
            )
        }
        return .unknown
    }

    private static func seconds(_ wait: Duration) -> Int { Int((wait + .milliseconds(999)).components.seconds) }

    /// The hash of a password that is to be set.
    ///
    /// - Throws: `AccessRefusal.busy`.
    func hash(_ password: Password) async throws(AccessRefusal) -> Result<PasswordHash, UserFault> {
        try await onThread {
            Result { () throws(UserFault) in try Bcrypt.hash(password) }
        }
    }

    private func remember(_ digest: [UInt8]) {
        state.withLock { $0.remembered.insert(digest, at: time().now) }
    }

    private func isRemembered(_ digest: [UInt8]) -> Bool {
        state.withLock { $0.remembered.contains(digest, at: time().now) }
    }

    private func refuse(_ source: String) throws(AccessRefusal) {
        guard let wait = state.withLock({ $0.failures.wait(of: source, at: time().now) }) else { return }
        throw .tooManyFailures(seconds: Self.seconds(wait))
    }

    private func digest(of bytes: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
    }

    private func onThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws(AccessRefusal) -> Value
    ) async throws(AccessRefusal) -> Value {
        let isTaken = state.withLock { state in
            guard state.underWay < Self.mostWaiting + Self.threadCount else { return false }
            state.underWay += 1
            return true
        }
        guard isTaken else { throw .busy }
        defer { state.withLock { $0.underWay -= 1 } }
        do {
            return try await withDeadline(Self.patience, late: { AccessRefusal.busy }) {
                try await Self.threads.runIfActive(work)
            }
        } catch let refusal as AccessRefusal {
            throw refusal
        } catch {
            // The caller has gone.
            throw .busy
        }
    }
}
