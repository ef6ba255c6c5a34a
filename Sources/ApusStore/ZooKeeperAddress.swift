import ApusModel

/// Where a ZooKeeper ensemble is and which part of its tree is ours: `host:port,host:port/chroot`.
package struct ZooKeeperAddress: Hashable, Sendable, CustomStringConvertible {
    /// One server of the ensemble.
    package struct Server: Hashable, Sendable, CustomStringConvertible {
        /// A name or an address, without the brackets of IPv6.
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        /// Nobody beyond this machine reaches it there.
        var isLoopback: Bool { host.isLoopbackHost }
    }

    /// What is wrong with an address, for the person who gave it.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    private static let defaultPort = 2181
    /// It stands before each path of a batch, whose size is bounded.
    private static let longestChroot = 64

    package let servers: [Server]
    /// The node under which everything stands, as `/apus`; empty for the root.
    package let chroot: String

    /// All its servers are on this machine: only then may nodes go without a credential.
    package var isLoopback: Bool { servers.allSatisfy(\.isLoopback) }

    package var description: String { servers.map(\.description).joined(separator: ",") + chroot }

    /// Reads `host[:port][,host[:port]]...[/chroot]`.
    package init(_ text: String) throws(Fault) {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        var servers: [Server] = []
        for part in text[..<slash].split(separator: ",", omittingEmptySubsequences: false) {
            servers.append(try Self.server(part, in: text))
        }
        self.servers = servers
        chroot = try Self.chroot(text[slash...], in: text)
    }

    private static func server(_ part: Substring, in text: String) throws(Fault) -> Server {
        var host = part
        var port: Substring?
        if part.hasPrefix("["), let end = part.firstIndex(of: "]") {
            host = part[part.index(after: part.startIndex)..<end]
            let rest = part[part.index(after: end)...]
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = part.lastIndex(of: ":") {
            host = part[..<colon]
            port = part[part.index(after: colon)...]
        }
        let number = port.map { Int($0) ?? 0 } ?? defaultPort
        guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace }), (1...65535).contains(number) else {
            throw Fault(
                description: "\(part.isEmpty ? "an empty part" : "\(part)") of \(text) is no server of ZooKeeper: give "
                    + "host:port, several of them with commas between"
            )
        }
        return Server(host: String(host), port: number)
    }

    private static func chroot(_ path: Substring, in text: String) throws(Fault) -> String {
        guard path.count > 1 else { return "" }
        let steps = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isSound = steps.allSatisfy { step in
            !["", ".", ".."].contains(step) && step.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        }
        guard isSound, steps.first != "zookeeper" else {
            throw Fault(
                description: "\(path) of \(text) is no path for our nodes: give /name or /name/name, not /zookeeper"
            )
        }
        guard path.utf8.count <= longestChroot else {
            throw Fault(
                description: "\(path) of \(text) has \(path.utf8.count) bytes: give a path of at most \(longestChroot)"
            )
        }
        return String(path)
    }
}

/// Who may read and write our nodes: known to ZooKeeper by its `digest` scheme.
package struct ZooKeeperCredential: Hashable, Sendable, CustomStringConvertible {
    package let user: String
    let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    /// Without the password.
    package var description: String { "the credential of \(user)" }

    var digest: String { "\(user):\(password)" }
}
