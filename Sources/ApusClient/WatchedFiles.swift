import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What some files say together, read again when one of them has changed.
///
/// Nothing runs in the background: whoever asks looks, at most once in a while. To look is a `stat` of each file; they
/// are few, small and on a disk of this machine.
package final class WatchedFiles<Value: Sendable>: Sendable {
    /// What came of reading them again.
    package enum News: Hashable, Sendable {
        /// What they say now holds.
        case changed
        /// They cannot be used, and what they said before holds; told once for each reason.
        case unusable(String)
    }

    /// What tells one content of a file from the next.
    private struct Stamp: Equatable {
        var device: dev_t
        var number: ino_t
        var size: off_t
        var modified: [Int]

        /// `nil` if there is no such file.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = status.st_dev
            number = status.st_ino
            size = status.st_size
            modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
    }

    private struct State {
        var value: Value
        /// As they were before they were read last.
        var stamps: [Stamp?]
        var lookedAt = ContinuousClock.now
        /// Why they could not be read last; `nil` if they could.
        var trouble: String?
    }

    private let paths: [String]
    private let interval: Duration
    private let reading: @Sendable () throws -> Value
    private let telling: @Sendable (News) -> Void
    private let state: Mutex<State>

    /// Reads them once; blocks.
    ///
    /// - Throws: what `reading` throws.
    package init(
        _ paths: [String],
        every interval: Duration = .seconds(1),
        reading: @escaping @Sendable () throws -> Value,
        telling: @escaping @Sendable (News) -> Void
    ) throws {
        self.paths = paths
        self.interval = interval
        self.reading = reading
        self.telling = telling
        let stamps = paths.map { Stamp($0) }
        state = Mutex(State(value: try reading(), stamps: stamps))
    }

    /// What they said when they were read last with success.
    package var current: Value {
        let (value, news) = state.withLock { state in
            let news = look(&state)
            return (state.value, news)
        }
        if let news { telling(news) }
        return value
    }

    private func look(_ state: inout State) -> News? {
        let now = ContinuousClock.now
        guard now - state.lookedAt >= interval else { return nil }
        state.lookedAt = now
        let stamps = paths.map { Stamp($0) }
        // What stood in the way may be gone without a change of the files, as their modes say who may read them.
        guard stamps != state.stamps || state.trouble != nil else { return nil }
        state.stamps = stamps
        do {
            state.value = try reading()
            state.trouble = nil
            return .changed
        } catch {
            let reason = "\(error)"
            defer { state.trouble = reason }
            return state.trouble == reason ? nil : .unusable(reason)
        }
    }
}
