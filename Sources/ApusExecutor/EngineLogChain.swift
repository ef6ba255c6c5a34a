import ApusContainers
import Synchronization

/// One container's json-file and those that it was before: read in order, each line once, whatever is renamed or
/// compressed meanwhile.
///
/// All calls block: they belong on the logs' own thread.
package final class EngineLogChain: Sendable {
    package enum Step: Equatable {
        /// Frames, as the engine's API would tell them.
        case entries([UInt8])
        /// All that there is now.
        case end
        /// A name is gone: for an instant amid a rotation, or for good with its container.
        case gone
    }

    private struct State {
        /// `nil` until the first is found.
        var file: EngineLogFile?
        /// How far it is read.
        var position = 0
        /// The beginning of a line whose end is not written yet.
        var unread: [UInt8] = []
        /// What the reader had asked for is reached: all that comes is later, whatever its time.
        var isReached = false
    }

    private static let block = 256 << 10

    private let names: EngineLogNames
    private let state = Mutex(State())

    /// `nil` if there is no such file on this machine, or none that this user may read.
    package init?(_ path: String) {
        guard let names = EngineLogNames(path) else { return nil }
        self.names = names
    }

    /// What comes next; at first what was written since `since`, in nanoseconds of 1970, or everything.
    ///
    /// Throws `FileFailure`.
    package func next(since: Int64?) throws -> Step {
        try state.withLock { state in
            while true {
                guard let file = state.file else {
                    guard let first = try self.first(since: since) else { return .gone }
                    state.file = first
                    continue
                }
                // Asked before it is read: what was written before a rotation is then read to its end.
                let isNewest = names.isNewest(file)
                let bytes = try file.read(state.position..<state.position + Self.block)
                guard bytes.isEmpty else {
                    state.position += bytes.count
                    state.unread += bytes
                    let entries = Self.entries(since: since, &state)
                    if entries.isEmpty { continue }
                    return .entries(entries)
                }
                if isNewest {
                    // With one file alone the engine cuts it in place of a rotation.
                    guard file.length < state.position else { return .end }
                } else {
                    guard let next = try self.next(after: file) else { return .gone }
                    state.file = next
                }
                state.position = 0
                state.unread = []
            }
        }
    }

    /// The whole lines read so far.
    ///
    /// Times of a while after `since` may cross those before it; what comes later still may have any time, for a clock
    /// may be set back.
    private static func entries(since: Int64?, _ state: inout State) -> [UInt8] {
        var isReached = state.isReached
        defer { state.isReached = isReached }
        return EngineLogEntry.frames(of: &state.unread) { entry in
            guard !isReached, let since, let time = ContainerLogEntry.nanoseconds(entry.time) else { return true }
            isReached = time >= since + LogPosition.overlap
            return time >= since
        }
    }

    /// The newest file that begins before what is wanted, or the oldest; `nil` if a name is gone.
    private func first(since: Int64?) throws -> EngineLogFile? {
        var found: EngineLogFile?
        let isWhole = try names.newestFirst { file in
            found = file
            guard let since, let first = try file.firstTime() else { return true }
            return first >= since
        }
        return isWhole ? found : nil
    }

    /// The file that was begun after this one, which may have been renamed, compressed or removed; `nil` if a name is
    /// gone.
    private func next(after file: EngineLogFile) throws -> EngineLogFile? {
        guard let begin = try file.firstTime() else { return try names.open(0) }
        var found: EngineLogFile?
        let isWhole = try names.newestFirst { other in
            // Not an earlier time: the clock may have been set back.
            if let first = try other.firstTime(), first == begin { return false }
            found = other
            return true
        }
        return isWhole ? found : nil
    }
}
