import ApusTestKit
import Glibc
import Synchronization
import Testing

private let given = Mutex((next: Int.random(in: 20_000..<32_000), count: 0))

/// A port of this machine that nobody listens on, given once.
///
/// Below those that the kernel gives to connections: none of them can take it before its process listens.
func freePort() throws -> Int {
    try given.withLock { given in
        while given.count < 12_000 {
            given.count += 1
            given.next = given.next < 31_999 ? given.next + 1 : 20_000
            if isFree(given.next) { return given.next }
        }
        throw Unfulfilled("no port between 20000 and 31999 is free")
    }
}

private func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
