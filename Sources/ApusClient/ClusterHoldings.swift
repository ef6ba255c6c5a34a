package import ApusModel

/// What a cluster has, as far as it matters to whoever wants something applied.
package struct ClusterHoldings: Sendable {
    /// One version of an application.
    package struct Version: Sendable {
        package var id: AppID
        package var name: String
        package var expected: Int
        package var healthy: Int
        /// What the expected count follows; `nil` if it stands.
        package var share: CapacityShare?
        /// The type of the operation under way, if there is one.
        package var operation: String?
        package var created: WallTime
        /// Masked; `nil` if it was not asked for.
        package var spec: JSON?

        package init(
            id: AppID,
            name: String,
            expected: Int,
            healthy: Int,
            share: CapacityShare? = nil,
            operation: String? = nil,
            created: WallTime,
            spec: JSON? = nil
        ) {
            self.id = id
            self.name = name
            self.expected = expected
            self.healthy = healthy
            self.share = share
            self.operation = operation
            self.created = created
            self.spec = spec
        }

        /// Instances of it are wanted.
        package var isActive: Bool { expected > 0 }

        /// Its expected count as somebody asked for it.
        var count: InstanceCount { share.map(InstanceCount.share) ?? .number(expected) }
    }

    /// A local service.
    package struct Service: Sendable {
        package var id: ServiceID
        package var name: String
        /// ACTIVE, INACTIVE or CONFIG_TESTING.
        package var activation: String
        /// Masked; `nil` if it was not asked for.
        package var spec: JSON?

        package init(id: ServiceID, name: String, activation: String, spec: JSON? = nil) {
            self.id = id
            self.name = name
            self.activation = activation
            self.spec = spec
        }
    }

    /// The oldest first.
    package var versions: [Version]
    package var services: [Service]
    /// The states of the tasks that were asked for and are there.
    package var tasks: [TaskID: String]

    package init(versions: [Version] = [], services: [Service] = [], tasks: [TaskID: String] = [:]) {
        self.versions = versions.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        self.services = services
        self.tasks = tasks
    }

    /// The versions of an application, the oldest first.
    func versions(named name: String) -> [Version] { versions.filter { $0.name == name } }
}

extension ApplicationSpec {
    /// Which revision of this version that is: 1 for itself, 2 for `<version>-r2`; `nil` for any other application.
    func revision(of id: AppID) -> Int? {
        if id == self.id { return 1 }
        let prefix = "\(self.id)-r"
        guard id.rawValue.hasPrefix(prefix) else { return nil }
        let digits = id.rawValue.dropFirst(prefix.count)
        guard let number = Int(digits), number > 1, "\(number)" == digits else { return nil }
        return number
    }

    /// The same as a revision of its version.
    func revised(_ number: Int) -> ApplicationSpec {
        guard number > 1 else { return self }
        var spec = self
        spec.version = "\(version)-r\(number)"
        return spec
    }
}
