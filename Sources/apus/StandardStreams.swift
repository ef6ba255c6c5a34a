import Dispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Standard input and output as bytes, on threads of their own: they may stand still for as long as they like.
enum StandardStreams {
    /// So long a thread waits before it asks whether anybody still does.
    private static let patience: Int32 = 100
    private static let longestRead = 32 << 10
    /// What a pipe takes without waiting once it takes anything.
    private static let longestWrite = 4 << 10

    private static let input = DispatchQueue(label: "apus.input")
    private static let output = DispatchQueue(label: "apus.output")

    /// The next bytes of standard input; `nil` at its end.
    ///
    /// - Throws: `CancellationError` if the task was cancelled.
    static func read() async throws -> [UInt8]? {
        while true {
            try Task.checkCancellation()
            let bytes: [UInt8]? = await on(input) {
                guard isReady(STDIN_FILENO, POLLIN) else { return nil }
                var bytes = [UInt8](repeating: 0, count: longestRead)
                let count = system_read(STDIN_FILENO, &bytes, bytes.count)
                if count < 0, errno == EINTR || errno == EAGAIN { return nil }
                return Array(bytes.prefix(max(count, 0)))
            }
            guard let bytes else { continue }
            return bytes.isEmpty ? nil : bytes
        }
    }

    /// Writes all of it; the process ends if nobody reads its standard output any more.
    ///
    /// - Throws: `CancellationError` if the task was cancelled.
    static func write(_ bytes: [UInt8], isError: Bool) async throws {
        let descriptor = isError ? STDERR_FILENO : STDOUT_FILENO
        var start = 0
        while start < bytes.count {
            try Task.checkCancellation()
            let begin = start
            start += await on(output) {
                guard isReady(descriptor, POLLOUT) else { return 0 }
                return Output.write(bytes[begin...].prefix(longestWrite), to: descriptor)
            }
        }
    }

    private static func isReady(_ descriptor: Int32, _ event: Int32) -> Bool {
        var question = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        // An end or an error is told by the call itself.
        return poll(&question, 1, patience) > 0
    }

    private static func on<Value: Sendable>(
        _ queue: DispatchQueue,
        _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in queue.async { continuation.resume(returning: work()) } }
    }
}

/// `read` of the C library, which our own function would hide.
private func system_read(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
