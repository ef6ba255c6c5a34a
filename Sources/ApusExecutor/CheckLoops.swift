import NIOCore
import NIOPosix

/// The event loops on which HTTP checks are made.
package struct CheckLoops: Sendable {
    /// Those of the whole process.
    package static let shared = CheckLoops(group: MultiThreadedEventLoopGroup.singleton)

    private let group: MultiThreadedEventLoopGroup

    private init(group: MultiThreadedEventLoopGroup) { self.group = group }

    /// One of their own, on a thread of its own.
    package init() { group = MultiThreadedEventLoopGroup(numberOfThreads: 1) }

    /// One of them.
    func next() -> any EventLoop { group.next() }

    /// Does something on one of them: whatever else it has to do waits.
    package func execute(_ work: @escaping @Sendable () -> Void) { group.next().execute(work) }

    /// Ends one of their own.
    package func shutDown() async throws { try await group.shutdownGracefully() }
}
