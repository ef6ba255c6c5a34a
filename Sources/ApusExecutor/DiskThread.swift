import NIOPosix

/// The one thread on which files are read and written, so that no other work ever waits for a disk.
package final class DiskThread: Sendable {
    private let pool = NIOThreadPool(numberOfThreads: 1)

    package init() { pool.start() }

    /// Runs `work` after all that was asked for before.
    ///
    /// - Throws: what `work` throws, or `CancellationError` if it was cancelled before it began.
    package func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }

    /// Ends the thread once its work is done.
    package func end() async throws { try await pool.shutdownGracefully() }
}
