import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Compresses what rotations leave, one file after the other and block by block, so that nobody who writes waits long.
final class LogCompressor: Sendable {
    private let disk: DiskThread
    private let logger: Logger
    /// The folders to look into, and how many files each may have.
    private let wanted = Mutex<[LogFolder: Int]>([:])
    private let nudges = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(disk: DiskThread, logger: Logger) {
        self.disk = disk
        self.logger = logger
    }

    /// Something there may have to be compressed.
    func look(into folder: LogFolder, files: Int) {
        wanted.withLock { $0[folder] = files }
        nudges.continuation.yield()
    }

    /// Runs until cancelled.
    func run() async {
        for await _ in nudges.stream {
            while let (folder, files) = wanted.withLock({ $0.popFirst() }) {
                do {
                    try await compress(folder, files)
                } catch is CancellationError {
                    return
                } catch {
                    // It is read all the same, and looked at again after the next rotation.
                    logger.debug("a log file is not compressed", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func compress(_ folder: LogFolder, _ files: Int) async throws {
        while let file = try await disk.run({ try LogCompression(folder, files: files) }) {
            while try await disk.run({ try file.step() }) {}
        }
    }
}

/// One log file that is being compressed: it may be renamed or removed meanwhile.
///
/// All calls block: they belong on the logs' own thread.
private final class LogCompression: Sendable {
    /// What is not whole yet; no reader sees it.
    private static let name = ".compressing"

    private struct State {
        var offset = 0
        var length = 0
    }

    private let folder: LogFolder
    private let files: Int
    private let source: Int32
    private let target: Int32
    private let state = Mutex(State())

    /// `nil` if there is nothing to compress.
    init?(_ folder: LogFolder, files: Int) throws(FileFailure) {
        var found: Int32?
        for number in stride(from: files - 1, to: 0, by: -1) where found == nil {
            found = try folder.open(LogFileName.older(number))
        }
        guard let found else { return nil }
        self.folder = folder
        self.files = files
        let path = folder.path(of: Self.name)
        source = found
        target = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o640)
        guard target >= 0 else {
            let failure = FileFailure("creating", path)
            closeFile(found)
            throw failure
        }
    }

    deinit {
        closeFile(source)
        closeFile(target)
    }

    /// Compresses a block, or puts the whole in the file's place.
    ///
    /// - Returns: whether there is more to do.
    func step() throws(FileFailure) -> Bool {
        let result: Result<Bool, FileFailure> = state.withLock { state in
            do throws(FileFailure) {
                return .success(try step(&state))
            } catch {
                unlink(folder.path(of: Self.name))
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func step(_ state: inout State) throws(FileFailure) -> Bool {
        let path = folder.path(of: Self.name)
        let text = try LogScan.read(source, state.offset..<(state.offset + LogGzip.block), path)
        guard text.isEmpty else {
            guard let member = LogGzip.member(text) else { throw FileFailure("compressing", path, code: ENOMEM) }
            try writeFile(target, member, at: state.length, path)
            state.offset += text.count
            state.length += member.count
            return true
        }
        // Before the other is removed: after a loss of power one of them is whole.
        guard fsync(target) == 0 else { throw FileFailure("writing", path) }
        guard let name = currentName else {
            unlink(path)
            return false
        }
        let compressed = folder.path(of: LogFileName.compressed(name))
        guard rename(path, compressed) == 0 else { throw FileFailure("renaming to", compressed) }
        guard unlink(folder.path(of: name)) == 0 else { throw FileFailure("removing", folder.path(of: name)) }
        return false
    }

    /// What the source is called now; `nil` if it is removed, for its name is nobody's then.
    private var currentName: String? {
        let path = currentPath(of: source)
        return (1..<max(files, 2)).map(LogFileName.older).first { path?.hasSuffix("/\($0)") ?? false }
    }
}
