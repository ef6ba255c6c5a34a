import ApusContainers
import ApusModel

/// Brings one container's output from its source through a bounded buffer to its files.
struct LogPump: Sendable {
    let source: any LogSource
    let disk: DiskThread
    let container: ContainerID
    /// A longer line is written as several.
    let longestLine: Int
    let writer: LogWriter
    /// What there is now is read to its end from here on, whatever becomes of the container.
    let held: @Sendable () -> Void
    /// Something was written that had not been before.
    let wrote: @Sendable () -> Void

    /// Returns at the end of what there is; with `following` it waits for more.
    func run(following: Bool) async throws {
        let buffer = LogBuffer()
        let position = writer.resume()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await source.logs(
                    of: container,
                    after: position,
                    following: following,
                    notice: { take($0) },
                    each: { await buffer.add($0) }
                )
                buffer.finish()
            }
            group.addTask { try await write(from: buffer, following: following) }
            // The first failure ends both.
            for try await _ in group {}
        }
    }

    /// Nothing is in the buffer yet, and so nothing is being written.
    private func take(_ notice: LogNotice) {
        switch notice {
        case .held: held()
        case .inOrder(let bytes): writer.resumeInOrder(within: bytes)
        }
    }

    private func write(from buffer: LogBuffer, following: Bool) async throws {
        var frames = ContainerLogFrames(of: container)
        var lines = LogLines(longest: longestLine)
        while let bytes = await buffer.take() {
            let before = writer.total
            try await write(try frames.take(bytes).compactMap { lines.take($0) })
            // What was written before is told again after a failure: that proves nothing.
            if writer.total > before { wrote() }
        }
        try Task.checkCancellation()
        // What a container wrote last need not have an end.
        if !following { try await write(lines.rest()) }
    }

    private func write(_ lines: [LogLine]) async throws {
        var rest = lines[...]
        while !rest.isEmpty {
            let some = rest
            rest = rest.dropFirst(try await disk.run { try writer.write(some) })
            if !rest.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
        }
    }
}
