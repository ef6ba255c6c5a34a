package import ApusModel

/// What an executor is told when it is started.
package struct ExecutorSettings: Hashable, Sendable {
    package var cluster: ClusterID
    /// Its own, made if need be: identity and journal.
    ///
    /// Two executors must not share one.
    package var stateDirectory: String
    package var hostname: String
    /// Where its HTTP side listens.
    package var address: String
    /// With the hostname this makes the executor's id.
    package var port: Int
    /// The path of the container engine's Unix socket.
    package var engineSocket: String
    package var sharing: Topology.Sharing
    /// The IPv4 address that containers' ports are published on; 127.0.0.1 keeps them on this machine.
    package var publishAddress: String
    /// What containers may have, and how their images come.
    package var allowances: Allowances
    package var traits: Traits
    package var hardware: Hardware
    package var logs = Logs()

    package init(
        cluster: ClusterID,
        stateDirectory: String,
        hostname: String,
        address: String,
        port: Int,
        engineSocket: String,
        sharing: Topology.Sharing,
        publishAddress: String,
        allowances: Allowances = Allowances(),
        traits: Traits = Traits(),
        hardware: Hardware = Hardware()
    ) {
        self.cluster = cluster
        self.stateDirectory = stateDirectory
        self.hostname = hostname
        self.address = address
        self.port = port
        self.engineSocket = engineSocket
        self.sharing = sharing
        self.publishAddress = publishAddress
        self.allowances = allowances
        self.traits = traits
        self.hardware = hardware
    }

    /// What whoever starts the executor lets containers have, and how their images come.
    package struct Allowances: Hashable, Sendable {
        /// Directories of this machine that containers may mount, with all below them, beside those of `limitsPath`.
        package var volumes: [String]
        /// This machine's limits; `nil`: `LimitsFile.standardPath` if there is such a file.
        package var limitsPath: String?
        /// Who pulls from which registry; `nil`: nobody says who they are.
        package var registriesPath: String?
        /// Images stay when nothing needs them any more.
        package var keepsImages: Bool
        /// Every container gets all of Nvidia's GPUs.
        package var givesAllGPUs: Bool
        /// People may run commands in containers that run, unless the machine's limits forbid it.
        package var allowsExec = true

        package init(
            volumes: [String] = [],
            limitsPath: String? = nil,
            registriesPath: String? = nil,
            keepsImages: Bool = false,
            givesAllGPUs: Bool = false
        ) {
            self.volumes = volumes
            self.limitsPath = limitsPath
            self.registriesPath = registriesPath
            self.keepsImages = keepsImages
            self.givesAllGPUs = givesAllGPUs
        }
    }

    /// Where the output of containers is kept.
    package struct Logs: Hashable, Sendable {
        /// The folder of all log files, on a disk of its own perhaps; `nil` is one in the state directory.
        package var root: String?

        package init(root: String? = nil) { self.root = root }
    }

    /// What placement may ask for.
    package struct Traits: Hashable, Sendable {
        /// The hostname is a tag beside these.
        package var tags: [String]
        package var metadata: [String: String]
        /// Where the machine stands; `nil` if nobody said.
        package var zone: String?
        /// What it offers beside cores and memory, disk say.
        package var quantities: [String: Int64]

        package init(
            tags: [String] = [],
            metadata: [String: String] = [:],
            zone: String? = nil,
            quantities: [String: Int64] = [:]
        ) {
            self.tags = tags
            self.metadata = metadata
            self.zone = zone
            self.quantities = quantities
        }
    }

    /// The address at which a published port is reached from here.
    var probeAddress: String { publishAddress == "0.0.0.0" ? "127.0.0.1" : publishAddress }
}

/// Why an executor cannot start, for the person who started it.
package struct ExecutorError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
