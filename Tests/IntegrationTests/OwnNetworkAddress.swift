import Glibc

/// The first IPv4 address of this machine by which others could reach it; `nil` if it has none.
func ownNetworkAddress() -> String? {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return nil }
    defer { freeifaddrs(first) }
    for interface in sequence(first: first, next: { $0?.pointee.ifa_next }) {
        guard let interface, let address = interface.pointee.ifa_addr, Int32(address.pointee.sa_family) == AF_INET,
            interface.pointee.ifa_flags & UInt32(IFF_UP) != 0
        else { continue }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { continue }
        let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The bridges of container engines lead nowhere.
        let name = String(cString: interface.pointee.ifa_name)
        if !text.hasPrefix("127."), !name.hasPrefix("docker"), !name.hasPrefix("br-") { return text }
    }
    return nil
}
