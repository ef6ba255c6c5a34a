import ApusContainers
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Writes one instance's output: whole lines into `output.log`, which is renamed away when it is full.
///
/// All calls block: they belong on the logs' own thread. What a failed write left behind is cut off before anything
/// else is written.
final class LogWriter: Sendable {
    private struct State {
        var descriptor: Int32
        /// Bytes of whole lines in the newest file.
        var length: Int
        /// Bytes written since this began, over all files.
        var total = 0
        var position: LogPosition
        var catchUp: LogCatchUp
        var rotated: ContinuousClock.Instant
        /// Bytes may stand behind `length`.
        var hasLeftovers = false
    }

    private let folder: LogFolder
    private let limits: LogLimits
    private let compressor: LogCompressor?
    /// Told of all that was written.
    private let wrote: @Sendable ([UInt8]) -> Void
    private let state: Mutex<State>

    /// Opens the folder, makes it if there is none, cuts off an unfinished line and finds how far the files reach.
    init(
        _ folder: LogFolder,
        limits: LogLimits,
        compressor: LogCompressor? = nil,
        wrote: @escaping @Sendable ([UInt8]) -> Void = { _ in }
    ) throws(FileFailure) {
        self.folder = folder
        self.limits = limits
        self.compressor = limits.isCompressing ? compressor : nil
        self.wrote = wrote
        try folder.create()
        let path = folder.path(of: LogFileName.newest)
        let descriptor = try Self.opened(path, O_RDWR | O_CREAT)
        do throws(FileFailure) {
            let length = try LogScan.wholeLines(descriptor, path)
            guard ftruncate(descriptor, off_t(length)) == 0 else { throw FileFailure("cutting", path) }
            let position = try LogScan.position(in: folder, files: limits.files)
            state = Mutex(
                State(
                    descriptor: descriptor,
                    length: length,
                    position: position,
                    catchUp: LogCatchUp(byTimeTo: position),
                    rotated: .now
                )
            )
        } catch {
            closeFile(descriptor)
            throw error
        }
        // What was not compressed when this program ended.
        self.compressor?.look(into: folder, files: limits.files)
    }

    deinit { state.withLock { closeFile($0.descriptor) } }

    /// Bytes written since this began.
    var total: Int { state.withLock(\.total) }

    /// How far is written; what is told of it again, from a time before it on, is then left out.
    func resume() -> LogPosition {
        state.withLock { state in
            state.catchUp = LogCatchUp(byTimeTo: state.position)
            return state.position
        }
    }

    /// After `resume`: what is told is so in the order of writing, from before the position's last line on, which stands
    /// within so many bytes.
    func resumeInOrder(within bytes: Int) {
        state.withLock { $0.catchUp = LogCatchUp(inOrderTo: $0.position, within: bytes) }
    }

    /// Writes lines, but for those that are written already.
    ///
    /// - Returns: how many are done with: fewer than all if the rest must wait for a rotation to be due.
    func write(_ lines: ArraySlice<LogLine>) throws(FileFailure) -> Int {
        let result: Result<Int, FileFailure> = state.withLock { state in
            do throws(FileFailure) {
                return .success(try write(lines, &state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func write(_ lines: ArraySlice<LogLine>, _ state: inout State) throws(FileFailure) -> Int {
        var batch: [UInt8] = []
        var position = state.position
        for (index, line) in lines.enumerated() {
            if state.catchUp.isWritten(line) { continue }
            let length = state.length + batch.count
            if length > 0, length + line.bytes.count > limits.fileBytes {
                try flush(&batch, position, &state)
                switch step(before: line, state) {
                case .write: break
                case .wait: return index
                case .rotate: try rotate(&state)
                }
            }
            batch += line.bytes
            position.wrote(line)
        }
        try flush(&batch, position, &state)
        return lines.count
    }

    private enum Step { case write, rotate, wait }

    /// What a line that does not fit calls for.
    private func step(before line: LogLine, _ state: State) -> Step {
        let rest = ContinuousClock.now - state.rotated
        if rest >= limits.restBetweenRotations { return .rotate }
        guard state.length + line.bytes.count > 2 * limits.fileBytes else { return .write }
        return rest >= limits.leastBetweenRotations ? .rotate : .wait
    }

    private func flush(_ batch: inout [UInt8], _ position: LogPosition, _ state: inout State) throws(FileFailure) {
        guard !batch.isEmpty else { return }
        let path = folder.path(of: LogFileName.newest)
        try cutLeftovers(path, &state)
        do throws(FileFailure) {
            try writeFile(state.descriptor, batch, at: state.length, path)
        } catch {
            state.hasLeftovers = true
            // At once: a reader should see half a line for as short as can be. What fails here is tried again before
            // the next write.
            do throws(FileFailure) { try cutLeftovers(path, &state) } catch {}
            throw error
        }
        state.length += batch.count
        state.total += batch.count
        state.position = position
        wrote(batch)
        batch.removeAll(keepingCapacity: true)
    }

    private func cutLeftovers(_ path: String, _ state: inout State) throws(FileFailure) {
        guard state.hasLeftovers else { return }
        guard ftruncate(state.descriptor, off_t(state.length)) == 0 else { throw FileFailure("cutting", path) }
        state.hasLeftovers = false
    }

    // MARK: rotation

    /// Puts a new file in the newest one's place; that one becomes `output.log.1`, and so on, and the oldest goes.
    ///
    /// The new file is made first, since only that can fail for want of room.
    private func rotate(_ state: inout State) throws(FileFailure) {
        let newest = folder.path(of: LogFileName.newest)
        let fresh = folder.path(of: ".next")
        try cutLeftovers(newest, &state)
        let descriptor = try Self.opened(fresh, O_RDWR | O_CREAT | O_TRUNC)
        do throws(FileFailure) {
            // What lies behind a gap has its place already.
            var free = 1
            while free < limits.files - 1, isTaken(free) { free += 1 }
            if limits.files > 1 {
                for name in names(free) { unlink(folder.path(of: name)) }
                for number in stride(from: free - 1, through: 0, by: -1) {
                    for (name, next) in zip(names(number), names(number + 1)) { try move(name, to: next) }
                }
            }
            guard rename(fresh, newest) == 0 else { throw FileFailure("renaming to", newest) }
        } catch {
            closeFile(descriptor)
            throw error
        }
        closeFile(state.descriptor)
        state.descriptor = descriptor
        state.length = 0
        state.rotated = .now
        compressor?.look(into: folder, files: limits.files)
    }

    /// Of the n-th older file; both are there if it was compressed to the end and a crash kept it from being removed.
    private func names(_ number: Int) -> [String] {
        [LogFileName.older(number), LogFileName.compressed(LogFileName.older(number))]
    }

    private func isTaken(_ number: Int) -> Bool {
        names(number).contains { access(folder.path(of: $0), F_OK) == 0 }
    }

    /// One that somebody has removed is not missed.
    private func move(_ name: String, to other: String) throws(FileFailure) {
        guard rename(folder.path(of: name), folder.path(of: other)) != 0 else { return }
        let failure = FileFailure("renaming to", folder.path(of: other))
        guard failure.code == ENOENT else { throw failure }
    }

    private static func opened(_ path: String, _ flags: Int32) throws(FileFailure) -> Int32 {
        let descriptor = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileFailure("opening", path) }
        return descriptor
    }
}
