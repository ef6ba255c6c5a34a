import ApusClient
import ApusModel
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The time was up before the work was done.
struct DeadlinePassed: Error, CustomStringConvertible {
    var description: String
}

/// As `withDeadline`.
///
/// - Throws: `DeadlinePassed`, `CancellationError` when the task was cancelled, or what `work` throws.
func within<Value: Sendable>(
    _ limit: Duration,
    doing: String,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withDeadline(limit, late: { DeadlinePassed(description: "\(doing): not done within \(limit)") }, work)
}

extension Gate {
    /// As `pass`.
    ///
    /// - Throws: `DeadlinePassed` too, if there was no room within `limit`.
    func pass<Value>(
        waitingAtMost limit: Duration,
        doing: String,
        _ work: () async throws -> Value
    ) async throws -> Value {
        // Mostly there is room, and nobody has to watch the time.
        if !enterAtOnce() { try await within(limit, doing: doing) { try await self.enter() } }
        defer { leave() }
        return try await work()
    }
}

extension Times {
    /// The machine's clocks: monotonic since its start, and civil.
    static var current: Times {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return Times(
            now: Moment(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)),
            wall: WallTime(milliseconds: Int64(wall.tv_sec) * 1_000 + Int64(wall.tv_nsec) / 1_000_000)
        )
    }
}
