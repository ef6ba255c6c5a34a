import ApusContainers
import Synchronization

/// One container's json-file and those that it was before: read in order, each line once, whatever is renamed or
/// compressed meanwhile.
///
/// All calls block for as long as a block is read: they belong on the logs' own thread.
package final class EngineLogChain: Sendable {
    package enum Step: Equatable, Sendable {
        /// Told once each, before any entries.
        case notice(LogNotice)
        /// Frames, as the engine's API would tell them.
        case entries([UInt8])
        /// A block was looked through that holds nothing to tell.
        case more
        /// All that there is now.
        case end
        /// A name is gone: for an instant amid a rotation, or for good with its container.
        case gone
    }

    private enum Phase {
        case unopened
        /// For the last line that is written, in the file of that index; `found` is one at whose very beginning it is.
        case searching(EngineLogSearch, in: Int, found: Found?)
        /// All that is written stands within so many bytes.
        case found(within: Int)
        case reading
    }

    /// A file in which the last line stands, or in one after it, within so many bytes from its beginning.
    private struct Found {
        var index: Int
        var bytes: Int
    }

    private struct State {
        var phase = Phase.unopened
        /// The one that is read and those that were begun after it: they stay open whatever becomes of their names.
        var files: [EngineLogFile] = []
        /// How far the first of them is read.
        var position = 0
        /// The beginning of a line whose end is not written yet.
        var unread: [UInt8] = []
        /// Nothing before is told, until it is reached; then all that comes is later, whatever its time.
        var since: Int64?
        /// A name that is gone is not waited for any longer.
        var mayLack = false
    }

    private static let block = 256 << 10
    /// Of lines of one time at the very beginning of what there is.
    ///
    /// Some of them may be gone: new ones would then be counted in their place. Better some twice than as many lost.
    private static let surestRow = 16 << 20

    private let names: EngineLogNames
    private let wanted: LogPosition
    private let state = Mutex(State())

    /// Tells what follows that position, from its last line on.
    ///
    /// `nil` if there is no such file on this machine, or none that this user may read.
    package init?(_ path: String, after position: LogPosition) {
        guard let names = EngineLogNames(path) else { return nil }
        self.names = names
        wanted = position
    }

    /// Reads the next block.
    ///
    /// Throws `FileFailure`.
    package func next() throws -> Step {
        try state.withLock { state in
            switch state.phase {
            case .unopened: return try open(&state)
            case .searching(let search, in: let index, let found): return try go(on: search, in: index, found, &state)
            case .found(let bytes):
                state.phase = .reading
                return .notice(.inOrder(within: bytes))
            case .reading: return try read(&state)
            }
        }
    }

    /// What is gone is left out from now on: somebody has removed it.
    ///
    /// - Returns: `false` if it was so already.
    package func leaveOut() -> Bool {
        state.withLock { state in
            defer { state.mayLack = true }
            return !state.mayLack
        }
    }

    // MARK: where to begin

    private func open(_ state: inout State) throws -> Step {
        guard let files = try names.all(lacking: state.mayLack) else { return .gone }
        state.files = files
        state.phase = search(in: files.count - 1, of: files)
        return .notice(.held)
    }

    private func search(in index: Int, of files: [EngineLogFile], found: Found? = nil) -> Phase {
        guard let end = wanted.end else { return .found(within: 0) }
        return .searching(EngineLogSearch(end.stream, end.mark.time, in: files[index]), in: index, found: found)
    }

    private func go(
        on search: EngineLogSearch,
        in index: Int,
        _ found: Found?,
        _ state: inout State
    ) throws -> Step {
        var search = search
        switch try search.step(in: state.files[index]) {
        case .more: state.phase = .searching(search, in: index, found: found)
        case .at(let start, let limit, let length):
            let file = state.files[index]
            // What is compressed was read to its end.
            let end = found.map { $0.bytes + (file.isCompressed ? length : file.length) } ?? limit
            if start == 0, index > 0 {
                // Others of its time may stand at the end of the file before.
                let found = Found(index: index, bytes: end)
                state.phase = self.search(in: index - 1, of: state.files, found: found)
            } else {
                let bytes = start == 0 && state.files.count > 1 ? min(end, Self.surestRow) : end - start
                begin(in: index, at: start, within: bytes, &state)
            }
        case .nowhere:
            if let found {
                begin(in: found.index, at: 0, within: found.bytes, &state)
            } else if index > 0 {
                state.phase = self.search(in: index - 1, of: state.files)
            } else {
                try beginByTime(&state)
            }
        }
        return .more
    }

    private func begin(in index: Int, at offset: Int, within bytes: Int, _ state: inout State) {
        state.files.removeFirst(index)
        state.position = offset
        state.phase = .found(within: bytes)
    }

    /// No file holds the last line that is written: as a rule all that they hold is later.
    ///
    /// They may also have lost what the machine had not put on its disk when it failed: what is older is not told.
    private func beginByTime(_ state: inout State) throws {
        state.since = wanted.since
        state.phase = .reading
        guard let since = wanted.since else { return }
        // The newest that begins before, or the oldest.
        let index = try state.files.lastIndex { file in try file.firstTime().map { $0 < since } ?? false }
        state.files.removeFirst(index ?? 0)
    }

    // MARK: what follows

    private func read(_ state: inout State) throws -> Step {
        guard let file = state.files.first else { return .gone }
        // Asked before it is read: what was written before a rotation is then read to its end.
        let isNewest = state.files.count == 1 && names.isNewest(file)
        let bytes = try file.read(state.position..<state.position + Self.block)
        guard bytes.isEmpty else {
            state.position += bytes.count
            state.unread += bytes
            let entries = Self.entries(&state)
            return entries.isEmpty ? .more : .entries(entries)
        }
        if state.files.count > 1 {
            state.files.removeFirst()
        } else if isNewest {
            // With one file alone the engine cuts it in place of a rotation.
            guard file.length < state.position else { return .end }
        } else {
            guard let next = try next(after: file, lacking: state.mayLack) else { return .gone }
            state.files = [next]
        }
        state.position = 0
        state.unread = []
        return .more
    }

    /// The whole lines read so far.
    ///
    /// Times of a while after `since` may cross those before it; what comes later still may have any time, for a clock
    /// may be set back.
    private static func entries(_ state: inout State) -> [UInt8] {
        var wanted = state.since
        defer { state.since = wanted }
        return EngineLogEntry.frames(of: &state.unread) { entry in
            guard let since = wanted, let time = ContainerLogEntry.nanoseconds(entry.time) else { return true }
            if time >= since + LogPosition.overlap { wanted = nil }
            return time >= since
        }
    }

    /// The file that was begun after this one, which may have been renamed, compressed or removed; `nil` if a name is
    /// gone.
    private func next(after file: EngineLogFile, lacking mayLack: Bool) throws -> EngineLogFile? {
        var others: [EngineLogFile] = []
        var isMet = false
        let isWhole = try names.newestFirst(lacking: mayLack) { other in
            isMet = try file.isSame(as: other)
            if !isMet { others.append(other) }
            return !isMet
        }
        guard isWhole else { return nil }
        // Where somebody removes files, this one may have been too, and what is older than it be there.
        guard isMet || !mayLack else { return others.first.flatMap { names.isNewest($0) ? $0 : nil } }
        return others.last
    }
}
