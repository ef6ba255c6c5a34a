import ApusModel

/// Who a caller is, as the controller's API asks it.
package enum Credentials: Hashable, Sendable, CustomStringConvertible {
    case basic(username: String, password: String)
    /// The `Authorization` header as it stands, for whoever checks it in front of the controller.
    case header(String)

    var authorization: String {
        switch self {
        case .basic(let username, let password): "Basic \(Base64.encoded(Array("\(username):\(password)".utf8)))"
        case .header(let text): text
        }
    }

    /// Never a password, wherever it is shown.
    package var description: String {
        switch self {
        case .basic(let username, _): "user \(username)"
        case .header: "an Authorization header"
        }
    }
}

/// Who makes calls, and whom it takes for the one that it means to call.
package struct Caller: Sendable {
    /// Shows nothing, and trusts whom this machine trusts.
    package static let nobody = Caller()

    let trust: ServerTrust
    /// The header fields by which it is known; asked for with every call, since secrets change.
    let fields: @Sendable () -> [(name: String, value: String)]

    /// Somebody who uses the API.
    package init(_ credentials: Credentials? = nil, trusting trust: ServerTrust = .system) {
        self.trust = trust
        fields = { credentials.map { [("Authorization", $0.authorization)] } ?? [] }
    }

    /// A node of the cluster, announced under that name (contract §2.1); without secrets it shows nothing.
    package init(
        node hostname: String,
        secrets: @escaping @Sendable () -> NodeSecrets?,
        trusting trust: ServerTrust = .system
    ) {
        self.trust = trust
        fields = { secrets().map { [("NodeId", hostname), ("Cluster-Authorization", $0.sent)] } ?? [] }
    }
}
