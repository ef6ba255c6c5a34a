import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// For tests only: kills this process with SIGKILL at a named place, as a power cut would, or hangs there.
///
/// Set by `APUS_CRASH_AT=<place>:<n>`, `after-commit:3` say: at the third such place that is reached.
package final class CrashPoint: Sendable {
    /// Where a crash shows what the order of step, commit and release is worth.
    package enum Place: String, Sendable {
        case beforeCommit = "before-commit"
        case afterCommit = "after-commit"
        /// An executor has the command; its answer is not yet taken.
        case afterSend = "after-send"
        /// The leader's loop comes round, and does so no more.
        case hang = "hang"
        /// Whatever its role, a controller does nothing any more.
        case standstill = "standstill"
    }

    private let place: Place
    private let left: Mutex<Int>

    /// Reads `<place>:<n>`, n from 1; `nil` if it is something else.
    package init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let place = Place(rawValue: String(parts[0])), let count = Int(parts[1]), count > 0
        else { return nil }
        self.place = place
        left = Mutex(count)
    }

    func reached(_ place: Place) {
        guard place == self.place else { return }
        let isTime = left.withLock { left in
            left -= 1
            return left == 0
        }
        guard isTime else { return }
        while place == .hang || place == .standstill { sleep(1) }
        kill(getpid(), SIGKILL)
    }
}
