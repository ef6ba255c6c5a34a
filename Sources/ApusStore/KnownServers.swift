import Foundation

/// Where the names of ZooKeeper servers led when they were last found.
package struct KnownServers: Sendable {
    private var addresses: [ZooKeeperAddress.Server: [String]] = [:]

    package init() {}

    /// Takes note of what a look-up found; what was known stays where it found nothing, as without DNS.
    package mutating func learn(_ found: [String], of server: ZooKeeperAddress.Server) {
        if !found.isEmpty { addresses[server] = found }
    }

    package func knows(_ server: ZooKeeperAddress.Server) -> Bool { addresses[server] != nil }

    /// Those of the servers that are known, as the client library takes them; empty if none is.
    ///
    /// It splits each at its last colon, knows no brackets, and puts them into an order of its own.
    package func list(of servers: [ZooKeeperAddress.Server]) -> String {
        var list: [String] = []
        for server in servers {
            for address in addresses[server] ?? [] {
                let place = "\(address):\(server.port)"
                // Several names may lead to one server.
                if !list.contains(place) { list.append(place) }
            }
        }
        return list.joined(separator: ",")
    }
}

extension ZooKeeperAddress.Server {
    /// The addresses to which its name leads now, none if that is not known; waits for DNS, however long that takes.
    package func lookedUp() -> [String] {
        // A machine without IPv6 is spared such addresses, except one that was given as such.
        let found = addresses(AI_ADDRCONFIG)
        return found.isEmpty ? addresses(AI_NUMERICHOST) : found
    }

    private func addresses(_ flags: Int32) -> [String] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: Set<String> = []
        var next = first
        while let address = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = socklen_t(text.count)
            if getnameinfo(address.ai_addr, address.ai_addrlen, &text, size, nil, 0, NI_NUMERICHOST) == 0 {
                found.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = address.ai_next
        }
        return found.sorted()
    }
}
