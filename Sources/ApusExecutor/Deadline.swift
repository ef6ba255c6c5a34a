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

/// Runs `work` and cancels it when the time is up; what it brings in spite of that counts.
///
/// - Throws: `DeadlinePassed`, `CancellationError` when the task was cancelled, or what `work` throws.
func within<Value: Sendable>(
    _ limit: Duration,
    doing: String,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
        group.addTask {
            do { return .success(try await work()) } catch { return .failure(error) }
        }
        group.addTask {
            do {
                try await Task.sleep(for: limit)
                return .failure(DeadlinePassed(description: "\(doing): not done within \(limit)"))
            } catch {
                return nil
            }
        }
        var first: Result<Value, any Error>?
        for await result in group {
            group.cancelAll()
            if case .success? = result { return result }
            first = first ?? result
        }
        return first
    }
    guard let result else { throw CancellationError() }
    return try result.get()
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
