import ApusModel

/// What a caller may do (contract §8.2); the raw value is the name in Drove's configuration.
package enum Role: String, CaseIterable, Hashable, Sendable {
    case root = "EXTERNAL_ROOT"
    case readWrite = "EXTERNAL_READ_WRITE"
    case maintenance = "DROVE_EXTERNAL_MAINTENANCE"
    case readOnly = "EXTERNAL_READ_ONLY"
    /// Another node of the cluster, by its secret.
    case node = "CLUSTER_NODE"
    /// An instance, by its token.
    case instance = "DROVE_APPLICATION_INSTANCE"

    /// Those that users have.
    package static let ofUsers: [Role] = [.root, .readWrite, .maintenance, .readOnly]

    /// The role of a user, by the name in Drove's configuration or on its wire, or by its plain one (`read-write`), in
    /// any case of letters; `nil` if users have none of that name.
    package init?(ofUser text: String) {
        let name = text.uppercased()
        guard let role = Self.ofUsers.first(where: { $0.rawValue == name || $0.names.contains(name) }) else {
            return nil
        }
        self = role
    }

    private var names: [String] {
        let plain = rawValue.split(separator: "EXTERNAL_").last.map(String.init) ?? rawValue
        return [
            plain, plain.split(separator: "_").joined(separator: "-"), "EXTERNAL_\(plain)", "DROVE_EXTERNAL_\(plain)",
        ]
    }

    /// Whether it may do what a route does.
    func covers(_ need: Need) -> Bool {
        switch need {
        case .anyone: true
        case .changes: [.root, .readWrite].contains(self)
        // Drove's documentation promises maintenance to read-write users too.
        case .maintenance: [.root, .readWrite, .maintenance].contains(self)
        case .logs: [.root, .readWrite, .readOnly].contains(self)
        case .administration: self == .root
        case .nodes, .controllers: self == .node
        case .instances: self == .instance
        }
    }
}

/// What a route asks of its caller.
enum Need: CaseIterable, Hashable, Sendable {
    /// Any that is known.
    case anyone
    /// Operations on applications, local services and tasks.
    case changes
    /// Executors and the cluster itself.
    case maintenance
    /// What containers wrote.
    case logs
    /// Users and what else decides who may do what.
    case administration
    /// Another node.
    case nodes
    /// Another controller, which is told what users need a role for.
    case controllers
    /// An instance, from inside its container.
    case instances
}

/// Who calls.
package struct Principal: Hashable, Sendable {
    /// What it showed.
    package enum Proof: Hashable, Sendable {
        /// Nothing: nobody has to where there are no users.
        case none
        /// A password, or a proxy's word.
        case user
        /// The cluster's secret; or nothing where none is configured.
        case node
        /// An instance's token.
        case token(InstanceClaim)
    }

    package var name: String
    package var role: Role
    package var proof: Proof

    package init(name: String, role: Role, proof: Proof = .user) {
        self.name = name
        self.role = role
        self.proof = proof
    }

    /// Everybody where nobody has to say who they are, by Drove's name.
    package static let implicit = Principal(name: "default-user", role: .root, proof: .none)

    /// Whether it may call a route; of the one for instances its handler says what is missing.
    func covers(_ need: Need) -> Bool { proof == .none || role.covers(need) }
}
