package import ApusClient
package import ApusEngine
package import ApusModel

/// What one controller is told at its start.
package struct ControllerSettings: Sendable {
    /// Which cluster it is of, once that is known: it may take as long as the store is away.
    package var cluster: @Sendable () async throws -> ClusterID
    /// Where clients reach its API; shown as the leader.
    package var hostname: String
    package var port: Int
    /// Chooses among equals, and makes ids.
    package var seed: UInt64
    /// How long its session with the servers of several controllers is to last.
    package var session: Duration = .zero
    package var engine = EngineSettings()
    package var events = EventLimits()
    /// Its API speaks TLS.
    package var isEncrypted = false
    /// Its API can be reached from other machines, so that nobody is let in who does not show who they are.
    package var isReachable = false
    /// The secrets by which nodes are known, as they are now; `nil` if there are none.
    package var nodeSecrets: @Sendable () -> NodeSecrets? = { nil }
    package var callers = CallerSettings()
    /// Whom it takes for an executor.
    package var trust = ServerTrust.system
    package var audit = AuditLimits()
    /// How long what is over is kept, as it is now; `nil`: as `engine` and `audit` say.
    package var keeping: (@Sendable () -> Keeping)?
    /// Who may become a member, as it is now; `nil`: whoever is let in.
    package var joinList: @Sendable () -> JoinList? = { nil }

    package init(cluster: ClusterID, hostname: String, port: Int, seed: UInt64) {
        self.init(cluster: { cluster }, hostname: hostname, port: port, seed: seed)
    }

    /// Of a cluster that is not known yet.
    package init(
        cluster: @escaping @Sendable () async throws -> ClusterID,
        hostname: String,
        port: Int,
        seed: UInt64
    ) {
        self.cluster = cluster
        self.hostname = hostname
        self.port = port
        self.seed = seed
    }

    /// Where it is, and its id among controllers.
    var leader: String { "\(hostname):\(port)" }

    /// Itself, as executors know it.
    var caller: Caller { Caller(node: hostname, secrets: nodeSecrets, trusting: trust) }
}

/// How long what is over is kept.
package struct Keeping: Hashable, Sendable {
    package var retention: Retention
    package var audit: AuditLimits

    package init(_ retention: Retention, _ audit: AuditLimits) { (self.retention, self.audit) = (retention, audit) }
}

/// Who may call, as far as it is said at a controller's start.
package struct CallerSettings: Sendable {
    /// The users of a cluster that has none yet.
    package var users: [NewUser] = []
    /// The file that was to hold them, which is not there; such a cluster must have users already.
    package var missingUsers: String?
    package var trustedProxy: TrustedProxy?

    package init() {}
}
