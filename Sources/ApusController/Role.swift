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

    /// Whether it may do what a route does.
    func covers(_ need: Need) -> Bool {
        switch need {
        case .anyone: true
        case .changes: [.root, .readWrite].contains(self)
        // Drove's documentation promises maintenance to read-write users too.
        case .maintenance: [.root, .readWrite, .maintenance].contains(self)
        case .logs: [.root, .readWrite, .readOnly].contains(self)
        case .administration: self == .root
        case .nodes: self == .node
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
    /// An instance, from inside its container.
    case instances
}

/// Who calls.
package struct Principal: Hashable, Sendable {
    package var name: String
    package var role: Role

    package init(name: String, role: Role) {
        self.name = name
        self.role = role
    }

    /// Everybody where nobody has to say who they are, by Drove's name.
    package static let implicit = Principal(name: "default-user", role: .root)
}
