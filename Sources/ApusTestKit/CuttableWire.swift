import Dispatch
import Foundation
import Synchronization

/// A port of this machine that leads to another one, until it is cut.
package final class CuttableWire: Sendable {
    private struct State {
        var isCut = false
        var isClosed = false
        var sockets: Set<Int32> = []
    }

    package let port: Int
    private let target: Int
    private let listener: Int32
    private let state = Mutex(State())

    /// Listens on a free port; whoever made it closes it.
    package init(to target: Int) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        port = try freePort()
        guard withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw Unfulfilled("cannot listen on port \(port): errno \(errno)")
        }
        Thread.detachNewThread { [self] in accept() }
    }

    /// Whatever goes through it is torn, and nothing goes through any more.
    package func cut() {
        state.withLock { state in
            state.isCut = true
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    package func heal() { state.withLock { $0.isCut = false } }

    package func close() {
        cut()
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func accept() {
        while !state.withLock(\.isClosed) {
            let inner = Foundation.accept(listener, nil, nil)
            guard inner >= 0 else { continue }
            let outer = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
            guard withAddress(target, { connect(outer, $0, $1) }) == 0, join(inner, outer) else {
                _ = Foundation.close(inner)
                _ = Foundation.close(outer)
                continue
            }
            let ends = DispatchGroup()
            for (from, to) in [(inner, outer), (outer, inner)] {
                ends.enter()
                Thread.detachNewThread { [self] in
                    pump(from, to)
                    ends.leave()
                }
            }
            ends.notify(queue: .global()) { [self] in part(inner, outer) }
        }
        _ = Foundation.close(listener)
    }

    private func join(_ inner: Int32, _ outer: Int32) -> Bool {
        state.withLock { state in
            guard !state.isCut else { return false }
            state.sockets.formUnion([inner, outer])
            return true
        }
    }

    private func part(_ inner: Int32, _ outer: Int32) {
        state.withLock { state in
            state.sockets.subtract([inner, outer])
            _ = Foundation.close(inner)
            _ = Foundation.close(outer)
        }
    }

    private func pump(_ from: Int32, _ to: Int32) {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(from, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            var sent = 0
            while sent < count {
                let more = chunk[sent..<count].withUnsafeBytes {
                    send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break }
                sent += more
            }
            if sent < count { break }
        }
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
    }
}

func withAddress<Value>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

/// Given last: below the ports that the kernel gives to connections.
private let given = Mutex(Int.random(in: 15_000..<19_000))

/// A port of this machine that nobody listens on, given once in a while.
func freePort() throws -> Int {
    try given.withLock { last in
        for _ in 0..<4_000 {
            last = last < 18_999 ? last + 1 : 15_000
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { _ = Foundation.close(descriptor) }
            if withAddress(last, { bind(descriptor, $0, $1) }) == 0 { return last }
        }
        throw Unfulfilled("no port between 15000 and 18999 is free")
    }
}
