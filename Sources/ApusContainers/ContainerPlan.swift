/// A port of a container and where on the host it is published.
package struct PublishedPort: Hashable, Sendable {
    package enum Transport: String, Sendable {
        case tcp
        case udp
    }
    package var hostAddress: String
    package var hostPort: Int
    package var containerPort: Int
    package var transport: Transport

    package init(hostAddress: String, hostPort: Int, containerPort: Int, transport: Transport) {
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.transport = transport
    }

    /// As the engine writes it: `8000/tcp`.
    var key: String { "\(containerPort)/\(transport.rawValue)" }
}

/// A directory of the host that a container sees.
package struct BoundDirectory: Hashable, Sendable {
    package var hostPath: String
    package var containerPath: String
    package var isReadOnly: Bool

    package init(hostPath: String, containerPath: String, isReadOnly: Bool) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.isReadOnly = isReadOnly
    }
}

/// Everything that a container is created from.
package struct ContainerPlan: Hashable, Sendable {
    /// The cores that a container may use, and the NUMA nodes that its memory comes from.
    package struct CPUSet: Hashable, Sendable {
        package var cores: [Int]
        /// `nil` leaves memory to the kernel.
        package var memoryNodes: [Int]?

        package init(cores: [Int], memoryNodes: [Int]?) {
            self.cores = cores
            self.memoryNodes = memoryNodes
        }
    }

    /// Where the container's output goes.
    package enum Log: Hashable, Sendable {
        /// Rotated files at the engine; `maxSize` as the engine writes it (`10m`).
        case files(maxSize: String, maxFiles: Int, compress: Bool)
        case syslog(address: String, tag: String)
    }

    /// Unique on the engine.
    package var name: String
    /// The image as the user wrote it.
    package var image: String
    package var labels: [String: String]
    package var environment: [String: String]
    /// Replaces the image's command; empty keeps it.
    package var command: [String]
    package var ports: [PublishedPort]
    package var directories: [BoundDirectory]
    /// A hard limit.
    package var memoryMB: Int64
    /// `nil` allows every core.
    package var cpuset: CPUSet?
    /// The container's weight when cores are contended; `nil` is the engine's own, 1024.
    package var cpuShares: Int?
    /// How many files a process may hold open, soft and hard; `nil` is the engine's own.
    package var openFiles: Int?
    /// `user` or `user:group`, names or numbers; `nil` is the image's.
    package var user: String?
    /// No program gives it more rights than its user has.
    package var keepsUser = false
    package var log: Log
    package var devices: [HostDevice] = []
    package var deviceRequests: [DeviceRequest] = []

    package init(
        name: String,
        image: String,
        labels: [String: String] = [:],
        environment: [String: String] = [:],
        command: [String] = [],
        ports: [PublishedPort] = [],
        directories: [BoundDirectory] = [],
        memoryMB: Int64,
        cpuset: CPUSet? = nil,
        cpuShares: Int? = nil,
        openFiles: Int? = nil,
        user: String? = nil,
        log: Log = .files(maxSize: "10m", maxFiles: 3, compress: true)
    ) {
        self.name = name
        self.image = image
        self.labels = labels
        self.environment = environment
        self.command = command
        self.ports = ports
        self.directories = directories
        self.memoryMB = memoryMB
        self.cpuset = cpuset
        self.cpuShares = cpuShares
        self.openFiles = openFiles
        self.user = user
        self.log = log
    }
}
