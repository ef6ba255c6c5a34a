/// What a service is: the contract's §3.1, whole.
///
/// A value of this type has passed validation, or was read back from a record of one that had.
package struct ApplicationSpec: Hashable, Sendable {
    package var name: String
    package var version: String
    package var executable: Executable
    package var exposedPorts: [PortSpec]
    package var volumes: [MountedVolume]
    package var configs: [ConfigSpec]
    package var type: JobType
    package var logging: LoggingSpec?
    package var resources: ResourceRequirements
    /// `nil` means ANY.
    package var placementPolicy: PlacementPolicy?
    package var healthcheck: CheckSpec
    package var readiness: CheckSpec
    package var tags: [String: String]
    package var env: [String: String]
    package var args: [String]
    package var devices: [DeviceSpec]
    package var exposureSpec: ExposureSpec?
    package var preShutdown: PreShutdownSpec?
    package var userSpec: UserSpec?

    package var id: AppID { AppID("\(name)-\(version)") }
}

package enum JobType: String, Sendable, CaseIterable {
    case service = "SERVICE"
    case computation = "COMPUTATION"
    case localService = "LOCAL_SERVICE"
}

/// A Docker image and how long fetching it may take.
package struct Executable: Hashable, Sendable {
    package var url: String
    package var dockerPullTimeout: DurationText
}

package enum PortType: String, Sendable, CaseIterable {
    case http = "HTTP"
    case https = "HTTPS"
    case tcp = "TCP"
    case udp = "UDP"
}

/// A port that the container listens on.
package struct PortSpec: Hashable, Sendable {
    package var name: String
    package var port: Int
    package var type: PortType
}

package struct MountedVolume: Hashable, Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        case readWrite = "READ_WRITE"
        case readOnly = "READ_ONLY"
    }
    package var pathInContainer: String
    package var pathOnHost: String
    package var mode: Mode
}

/// Cores (whole) and memory (MB) of one instance; both kinds are required.
///
/// On the wire a list: `[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}]`.
package struct ResourceRequirements: Hashable, Sendable {
    package var cores: Int
    package var memoryMB: Int64

    package init(cores: Int, memoryMB: Int64) {
        self.cores = cores
        self.memoryMB = memoryMB
    }
}

package struct HTTPCheck: Hashable, Sendable {
    package enum Scheme: String, Sendable, CaseIterable {
        case http = "HTTP"
        case https = "HTTPS"
    }
    package enum Verb: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
    }
    package var scheme: Scheme
    package var portName: String
    package var path: String
    package var verb: Verb
    package var successCodes: [Int]
    package var payload: String?
    /// 1 second if absent.
    package var connectionTimeout: DurationText?
    package var insecure: Bool
}

package struct CommandCheck: Hashable, Sendable {
    package var command: String
    package var shellDisabled: Bool
}

package enum CheckMode: Hashable, Sendable {
    case http(HTTPCheck)
    case command(CommandCheck)
}

package struct CheckSpec: Hashable, Sendable {
    package var mode: CheckMode
    package var timeout: DurationText
    package var interval: DurationText
    /// 1 to 100 tries.
    package var attempts: Int
    /// None if absent.
    package var initialDelay: DurationText?
}

package struct PreShutdownSpec: Hashable, Sendable {
    package var hooks: [CheckMode]
    package var waitBeforeKill: DurationText?
}

package struct ExposureSpec: Hashable, Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        case all = "ALL"
        case one = "ONE"
    }
    package var vhost: String
    package var portName: String
    package var mode: Mode
}

package struct UserSpec: Hashable, Sendable {
    package var user: String
    package var group: String?
}

package enum LoggingSpec: Hashable, Sendable {
    case local(maxSize: String, maxFiles: Int, compress: Bool)
    case rsyslog(server: String, tagPrefix: String?, tagSuffix: String?)
}

package struct HTTPCallSpec: Hashable, Sendable {
    package var scheme: HTTPCheck.Scheme
    package var hostname: String
    /// 0 means the scheme's own.
    package var port: Int
    package var path: String
    package var verb: HTTPCheck.Verb
    package var successCodes: [Int]
    package var payload: String?
    package var connectionTimeout: DurationText
    package var operationTimeout: DurationText
    package var username: String?
    package var password: String?
    package var authHeader: String?
    package var headers: [String: String]
    package var insecure: Bool
}

/// A file that is put into the container before it starts.
package struct ConfigSpec: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        case inline(data: [UInt8])
        case executorLocalFile(path: String)
        case controllerHTTPFetch(HTTPCallSpec)
        case executorHTTPFetch(HTTPCallSpec)
    }
    /// The absolute path in the container.
    package var localFilename: String
    package var source: Source
}

package enum DeviceSpec: Hashable, Sendable {
    package enum Permissions: String, Sendable, CaseIterable {
        case readOnly = "READ_ONLY"
        case writeOnly = "WRITE_ONLY"
        case mknodOnly = "MKNOD_ONLY"
        case readWrite = "READ_WRITE"
        case all = "ALL"
    }
    case direct(pathOnHost: String, pathInContainer: String?, permissions: Permissions)
    case detailed(
        driver: String?, count: Int64?, deviceIDs: [String], capabilities: [[String]], options: [String: String])
}

/// Where instances may be placed (contract §3.5).
package indirect enum PlacementPolicy: Hashable, Sendable {
    package enum RuleType: String, Sendable, CaseIterable {
        case hope = "HOPE"
        case mvel = "MVEL"
    }
    package enum Combiner: String, Sendable, CaseIterable {
        case and = "AND"
        case or = "OR"
    }
    case any
    case onePerHost
    case maxPerHost(Int)
    case matchTag(String)
    case noTag
    case ruleBased(rule: String, type: RuleType)
    case composite(policies: [PlacementPolicy], combiner: Combiner)
    case local(hostLevel: Bool)

    /// The discriminator on the wire.
    package var typeName: String {
        switch self {
        case .any: "ANY"
        case .onePerHost: "ONE_PER_HOST"
        case .maxPerHost: "MAX_N_PER_HOST"
        case .matchTag: "MATCH_TAG"
        case .noTag: "NO_TAG"
        case .ruleBased: "RULE_BASED"
        case .composite: "COMPOSITE"
        case .local: "LOCAL"
        }
    }
}
