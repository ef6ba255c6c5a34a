import ApusClient
import ApusContainers
import ApusModel

/// What an instance gets of its host, as far as the machine's administrator allows it.
struct HostAccess: Sendable {
    /// So many file systems may hang until nothing more is asked of any.
    private static let lookupLimit = 32
    private static let lookupDeadline = Duration.seconds(20)
    /// For all configuration files of an instance; with a look at limits and volumes less than the agent gives a start.
    private static let configDeadline = Duration.seconds(40)

    private let file: LimitsFile
    private let lookups = Lookups(limit: lookupLimit)
    /// Of their own: volumes that hang must not hold up instances without any.
    private let limitLookups = Lookups(limit: 4)

    init(limits: LimitsFile) { file = limits }

    /// This machine's limits, which the instance does not exceed.
    ///
    /// - Throws: what names the limit that it exceeds, or why they cannot be read.
    func limits(for spec: InstanceSpec) async throws -> MachineLimits {
        let limits = try await limitLookups.run(within: Self.lookupDeadline, doing: "reading the machine's limits") {
            try file.current()
        }
        if let excess = limits.excess(of: spec) { throw excess }
        return limits
    }

    /// What an instance gets.
    struct Grant: Sendable {
        let limits: MachineLimits
        /// Its volumes.
        let directories: [BoundDirectory]
    }

    /// What of the host the instance gets, found to be allowed.
    func grant(to spec: InstanceSpec) async throws -> Grant {
        let limits = try await limits(for: spec)
        let volumes = spec.workload.volumes
        guard !volumes.isEmpty else { return Grant(limits: limits, directories: []) }
        let allowed = VolumeAllowList(directories: limits.volumes)
        let doing = "looking at the volumes \(volumes.map(\.pathOnHost).joined(separator: ", "))"
        let directories = try await lookups.run(within: Self.lookupDeadline, doing: doing) {
            try allowed.directories(for: volumes)
        }
        return Grant(limits: limits, directories: directories)
    }

    /// The instance's configuration files, as the engine unpacks them.
    func configs(of spec: InstanceSpec, within limits: MachineLimits) async throws -> [UInt8] {
        let files = ConfigFiles(limits: limits, lookups: lookups, deadline: Self.lookupDeadline)
        let late: @Sendable () -> any Error = {
            ConfigFailure(description: "the configuration files were not all there within \(Self.configDeadline)")
        }
        return try await withDeadline(Self.configDeadline, late: late) {
            try await files.archive(spec.workload.configs)
        }
    }
}
