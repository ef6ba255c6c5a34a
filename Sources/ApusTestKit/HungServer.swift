import Foundation

/// A server that hangs: the kernel takes connections for it, and nothing is ever answered.
package final class HungServer: Sendable {
    package let port: Int
    private let listener: Int32

    /// Listens on a free port; whoever made it closes it.
    package init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        port = try freePort()
        guard withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw Unfulfilled("cannot listen on port \(port): errno \(errno)")
        }
    }

    package func close() { _ = Foundation.close(listener) }

    /// Somebody has connected.
    package var isCalled: Bool {
        var look = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        return poll(&look, 1, 0) == 1
    }
}
