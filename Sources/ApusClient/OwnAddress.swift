import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension SocketAddress {
    /// Where clouds tell a machine its secrets, beside the link-local addresses.
    private static let metadata: Set<String> = ["fd00:ec2::254", "100.100.100.200", "168.63.129.16"]

    /// Of this machine (loopback, unspecified, those of its interfaces), link-local or multicast, or of a cloud's
    /// metadata.
    var isOwn: Bool {
        guard let text = ipAddress else { return true }
        // A zone may stand behind it, and version 6 before an address of version 4.
        var address = String(text.prefix { $0 != "%" })
        if address.hasPrefix("::ffff:"), address.contains(".") { address = String(address.dropFirst("::ffff:".count)) }
        guard !Self.metadata.contains(address), !Self.ofInterfaces.contains(address) else { return true }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, address, &bytes) == 1 { return Self.isOwn(v4: Array(bytes[..<4])) }
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return true }
        return Self.isOwn(v6: bytes)
    }

    /// Those that this machine has now.
    private static var ofInterfaces: Set<String> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var addresses: Set<String> = []
        for interface in sequence(first: first, next: { $0?.pointee.ifa_next }) {
            guard let address = interface?.pointee.ifa_addr else { continue }
            let isFour = Int32(address.pointee.sa_family) == AF_INET
            guard isFour || Int32(address.pointee.sa_family) == AF_INET6 else { continue }
            let size = isFour ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard getnameinfo(address, socklen_t(size), &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0
            else {
                continue
            }
            let text = host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            addresses.insert(String(decoding: text.prefix { $0 != UInt8(ascii: "%") }, as: UTF8.self))
        }
        return addresses
    }

    private static func isOwn(v4 bytes: [UInt8]) -> Bool {
        bytes[0] == 127 || bytes[0] == 0 || bytes[0] >= 224 || (bytes[0] == 169 && bytes[1] == 254)
    }

    private static func isOwn(v6 bytes: [UInt8]) -> Bool {
        // An address of version 4 in the clothes of version 6.
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
            return isOwn(v4: Array(bytes[12...]))
        }
        let isLoopbackOrNone = bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] <= 1
        return isLoopbackOrNone || bytes[0] == 0xff || (bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80)
    }
}
