package import ApusContainers
package import ApusModel

/// Tells what containers write out of the engine's own json-files where it can read them, else through its API.
///
/// Engines before 23 tell the last line twice at each rotation of theirs when they are followed, or stop telling, and
/// leave out what they have compressed when they are asked for what is recent (seen with 20.10.24). The files have it
/// all, in order.
package struct EngineLogFiles: LogSource {
    /// So often it is looked whether there is more where the kernel does not tell.
    private static let interval = Duration.milliseconds(100)
    /// A file's name is gone amid a rotation for an instant; if it stays away, so is the container.
    private static let longestAbsence = 10

    private let engine: DockerEngine
    private let disk: DiskThread
    private let watch = FolderChanges()

    package init(engine: DockerEngine, disk: DiskThread) {
        self.engine = engine
        self.disk = disk
    }

    package func logs(
        of id: ContainerID,
        after position: LogPosition,
        following: Bool,
        notice: (LogNotice) -> Void,
        each: ([UInt8]) async -> Void
    ) async throws {
        guard let path = try await engine.logFile(of: id),
            let files = try await disk.run({ EngineLogChain(path, after: position) })
        else {
            return try await engine.logs(of: id, since: position.since, following: following, each: each)
        }
        // From before the first look on: what is written during one is told after it.
        var changes = folder(of: path).flatMap { watch?.changes(in: $0) }?.makeAsyncIterator()
        var absences = 0
        var isHeld = false
        while true {
            try Task.checkCancellation()
            // A block at a time: others have their turn in between.
            switch try await disk.run({ try files.next() }) {
            case .notice(let what):
                isHeld = isHeld || what == .held
                notice(what)
                continue
            case .more:
                absences = 0
                continue
            case .entries(let bytes):
                absences = 0
                await each(bytes)
                continue
            case .end:
                guard following else { return }
                absences = 0
                if await changes?.next() != nil { continue }
            case .gone:
                absences += 1
                guard absences >= Self.longestAbsence else { break }
                // All that there was is read.
                if isHeld, !following { return }
                // Throws if it is removed.
                _ = try await engine.inspect(id)
                // It is not: somebody has removed one of its files, or the engine ended amid a rotation.
                let isNews = files.leaveOut()
                guard following || isNews else { return }
                absences = 0
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func folder(of path: String) -> String? { path.lastIndex(of: "/").map { String(path[..<$0]) } }
}
