import ApusClient
import ApusContainers
import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Gathers the configuration files of an instance for the archive that is put into its container.
struct ConfigFiles: Sendable {
    /// Of all files of one instance, in bytes.
    static let largestTogether = 2 << 20

    let limits: MachineLimits
    let lookups: Lookups
    let deadline: Duration

    /// All of them, as the engine takes them.
    ///
    /// - Throws: `ConfigFailure` naming the file and what is wrong, `CancellationError` when the task was cancelled.
    func archive(_ configs: [ConfigSpec]) async throws -> [UInt8] {
        var archive = TarArchive()
        var size = 0
        for config in configs {
            let content: [UInt8]
            do {
                content = try await self.content(of: config)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                throw ConfigFailure(description: "configuration file \(config.localFilename): \(error)")
            }
            size += content.count
            guard size <= Self.largestTogether else {
                throw ConfigFailure(
                    description: "the configuration files have more than \(Self.largestTogether) bytes together"
                )
            }
            archive.add(config.localFilename, content)
        }
        return archive.content
    }

    private func content(of config: ConfigSpec) async throws -> [UInt8] {
        switch config.source {
        case .inline(let data): return data
        case .executorLocalFile(let path):
            let folders = VolumeAllowList(directories: limits.configFolders)
            return try await lookups.run(within: deadline, doing: "reading \(path)") {
                try Self.read(path, below: folders)
            }
        case .executorHTTPFetch(let call):
            let fetcher = ConfigFetcher(allowed: limits.fetches)
            guard fetcher.permits(call) else {
                let what = "\(call.hostname):\(call.effectivePort) is none of \(limits.fetches.map(\.description))"
                throw LimitExcess("fetches", what)
            }
            return try await fetcher.fetch(call)
        case .controllerHTTPFetch(let call):
            throw ConfigFailure(description: "\(call.place) was to be fetched by the controller, and was not")
        }
    }

    /// A plain file at its true place, which must be below an allowed folder.
    private static func read(_ path: String, below folders: VolumeAllowList) throws -> [UInt8] {
        guard let place = folders.allowedPlace(of: path) else {
            throw LimitExcess("configFolders", "\(path) is below none of \(folders.directories)")
        }
        // Neither a link that came meanwhile nor a pipe that nobody writes to.
        let descriptor = open(place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileFailure("opening", place) }
        defer { closeFile(descriptor) }
        // A folder on the way may have become a link between the two looks: what was opened is what counts.
        guard folders.allowedPlace(of: "/proc/self/fd/\(descriptor)") != nil else {
            throw LimitExcess("configFolders", "\(path) has just been led out of \(folders.directories)")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFailure("looking at", place) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigFailure(description: "\(path) is no plain file")
        }
        guard status.st_size <= ConfigFetcher.largestFile else {
            throw ConfigFailure(description: "\(path) is longer than \(ConfigFetcher.largestFile) bytes")
        }
        return try readFile(descriptor, place, atMost: ConfigFetcher.largestFile)
    }
}

/// A configuration file that could not be had, for people; never its content.
struct ConfigFailure: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String
}
