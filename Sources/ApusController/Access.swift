import ApusClient
import ApusEngine
import ApusModel
import HashTreeCollections
import Logging
import Synchronization

/// Who callers are, as they show it (contract §8.1).
package final class Access: Sendable {
    private struct Known {
        var users: Users
        var tokens: InstanceTokens
    }

    /// No token is longer.
    private static let longestToken = 4096

    /// Beyond this machine nobody is let in who shows nothing.
    let isReachable: Bool
    private let nodeSecrets: @Sendable () -> NodeSecrets?
    private let proxy: TrustedProxy?
    let passwords: PasswordDesk
    /// As they were read last, so that a controller that does not lead any more knows its callers too; `nil` before.
    private let known = Mutex<Known?>(nil)

    init(_ settings: ControllerSettings, time: TimeSource, logger: Logger) {
        isReachable = settings.isReachable
        nodeSecrets = settings.nodeSecrets
        proxy = settings.callers.trustedProxy
        passwords = PasswordDesk(time: time, logger: logger)
    }

    /// From now on these may call.
    func take(_ users: Users, _ tokens: InstanceTokens) { known.withLock { $0 = Known(users: users, tokens: tokens) } }

    /// Everybody who may call.
    var users: Users { known.withLock { $0?.users ?? Users() } }

    /// Who sent a call for a route that asks for `need`; `state` is what the instances of tokens are looked up in.
    ///
    /// - Throws: `AccessRefusal` if nobody can be told from what was shown.
    func principal(
        of call: APICall,
        for need: Need,
        in state: ClusterState?
    ) async throws(AccessRefusal) -> Principal {
        guard let known = known.withLock(\.self) else { throw .notYet }
        let secrets = nodeSecrets()
        if let secrets, let shown = call.header(Self.secretField) { return try node(call, shown, secrets) }
        if let token = call.header("App-Instance-Authorization") {
            return try await instance(call, token, known.tokens, need, state)
        }
        // Nodes need show nothing where nothing is configured: the API is on loopback then.
        if secrets == nil, need == .nodes { return Principal(name: Self.nodeName(call), role: .node, proof: .node) }
        guard known.users.all.isEmpty else { return try await user(call, among: known.users) }
        guard !isReachable, need != .nodes, need != .controllers || secrets == nil else { throw .unknown }
        return .implicit
    }

    // MARK: nodes

    private func node(_ call: APICall, _ shown: String, _ secrets: NodeSecrets) throws(AccessRefusal) -> Principal {
        guard secrets.accepts(shown) else {
            throw passwords.refusal(ofProofFrom: call.source)
        }
        return Principal(name: Self.nodeName(call), role: .node, proof: .node)
    }

    private static let secretField = "Cluster-Authorization"

    /// Whether it comes from a node, or from who would be taken for one.
    static func showsSecret(_ call: APICall) -> Bool { call.header(secretField) != nil }

    /// Its own word, as far as it fits into a line.
    static func nodeName(_ call: APICall) -> String {
        let name = (call.header("NodeId") ?? "").prefix(255)
            .filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:".contains($0)) }
        return name.isEmpty ? "node" : name
    }

    // MARK: instances

    private func instance(
        _ call: APICall,
        _ token: String,
        _ tokens: InstanceTokens,
        _ need: Need,
        _ state: ClusterState?
    ) async throws(AccessRefusal) -> Principal {
        guard token.utf8.count <= Self.longestToken, let claim = await tokens.claim(of: token) else {
            throw passwords.refusal(ofProofFrom: call.source)
        }
        // The route for instances says more than 401 to one that is no more.
        if let state, need != .instances, state.instance(of: claim) == nil { throw .unknown }
        return Principal(name: claim.instance.rawValue, role: .instance, proof: .token(claim))
    }

    // MARK: users

    private func user(_ call: APICall, among users: Users) async throws(AccessRefusal) -> Principal {
        if let name = proxy?.userName(of: call) {
            guard let user = users[name] else { throw .unknown }
            return Principal(name: user.name, role: user.role)
        }
        guard let login = call.header("Authorization").flatMap(BasicLogin.init(header:)) else { throw .unknown }
        let user = try await passwords.owner(of: login, among: users, from: call.source)
        // It may have been changed while the password was looked at.
        guard let user, let now = known.withLock({ $0?.users[user.name] }), now.hash == user.hash else {
            throw .unknown
        }
        return Principal(name: now.name, role: now.role)
    }
}

extension ClusterState {
    /// The living instance that a token speaks for; `nil` if it does not live on that executor, or is another's.
    func instance(of claim: InstanceClaim) -> Instance? {
        guard let instance = instances[claim.instance], instance.executor == claim.executor else { return nil }
        return instance.owner.tokenID == claim.owner ? instance : nil
    }
}

/// Why a caller is turned away before the call is looked at.
enum AccessRefusal: Error {
    /// Nobody, or nobody known: 401.
    case unknown
    /// Too many wrong passwords from there: 429, with the seconds to wait.
    case tooManyFailures(seconds: Int)
    /// Too many passwords wait to be looked at: 503.
    case busy
    /// This controller has not read yet who may call; so it does not lead either.
    case notYet
}
