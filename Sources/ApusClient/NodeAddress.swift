import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why a text is no address, for people.
package struct AddressFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Where a node listens: an address of its machine and a port.
package struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IP address as it is bound: version 6 without brackets.
    package let host: String
    package let port: Int

    /// Takes `10.1.2.3:10000`, `[fd00::1]:10000` or `localhost:10000`; `0.0.0.0` and `[::]` are all addresses of the
    /// machine.
    ///
    /// - Throws: `AddressFault` with what was meant to be there.
    package init(_ text: String) throws(AddressFault) {
        let fault = AddressFault(description: "an IP address and a port, such as 127.0.0.1:10000, not \(text)")
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { throw fault }
        let name = text[..<colon]
        let host = name == "localhost" ? "127.0.0.1" : String(name)
        if host.hasPrefix("["), host.hasSuffix("]"), host.isIP(AF_INET6, without: 1) {
            self.host = String(host.dropFirst().dropLast())
        } else if host.isIP(AF_INET) {
            self.host = host
        } else {
            throw fault
        }
        self.port = port
    }

    private init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// The next port at this address; on 127.0.0.1 if others can reach this one.
    package func beside(port: Int) -> NodeAddress { NodeAddress(host: isLoopback ? host : "127.0.0.1", port: port) }

    /// No other machine can reach it.
    package var isLoopback: Bool { host.isLoopbackHost }
    /// All addresses of the machine.
    package var isWildcard: Bool { host == "0.0.0.0" || host == "::" }
    package var isVersion4: Bool { !host.contains(":") }
    /// The host as it stands in URLs.
    package var urlHost: String { isVersion4 ? host : "[\(host)]" }
    package var description: String { "\(urlHost):\(port)" }

    /// Where containers' ports are published beside it, which is of version 4; `nil` if that cannot be told.
    package var published: String? {
        if isLoopback { return "127.0.0.1" }
        if isWildcard { return "0.0.0.0" }
        return isVersion4 ? host : nil
    }

    /// The name under which others find a node, as it stands in URLs: that of a host, or an IP address, version 6 in
    /// brackets.
    ///
    /// - Throws: `AddressFault` with what was meant to be there.
    package static func checkName(_ name: String) throws(AddressFault) {
        if name.hasPrefix("["), name.hasSuffix("]"), name.isIP(AF_INET6, without: 1) { return }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        }
        // Digits and dots alone are an address or nothing.
        let isNumeric = name.allSatisfy { $0.isNumber || $0 == "." }
        guard isName, name.utf8.count <= 253, !isNumeric || name.isIP(AF_INET) else {
            throw AddressFault(description: "the name of a host or an IP address (version 6 in brackets), not \(name)")
        }
    }
}

/// Where another node is called: a base URL.
package struct NodeURL: Hashable, Sendable, CustomStringConvertible {
    package let isEncrypted: Bool
    /// As it stands in URLs.
    package let host: String
    package let port: Int

    package init(isEncrypted: Bool, host: String, port: Int) {
        (self.isEncrypted, self.host, self.port) = (isEncrypted, host, port)
    }

    /// Takes `https://node1.example.com:10000` or `http://10.1.2.3:10000`; without a scheme it is `http`, and with one
    /// the port may be left out.
    ///
    /// - Throws: `AddressFault` with what was meant to be there.
    package init(_ text: String) throws(AddressFault) {
        var rest = Substring(text)
        var usual: Int?
        isEncrypted = rest.hasPrefix("https://")
        if isEncrypted {
            rest = rest.dropFirst("https://".count)
            usual = 443
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst("http://".count)
            usual = 80
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        let end = rest.lastIndex(of: "]") ?? rest.startIndex
        let colon = rest[end...].lastIndex(of: ":")
        let given = colon.map { Int(rest[rest.index(after: $0)...]) ?? 0 } ?? usual
        host = String(rest[..<(colon ?? rest.endIndex)])
        guard let port = given, (1...65_535).contains(port) else {
            throw AddressFault(description: "a URL such as http://127.0.0.1:10000, not \(text)")
        }
        self.port = port
        do throws(AddressFault) {
            try NodeAddress.checkName(host)
        } catch {
            throw AddressFault(description: "a URL such as http://127.0.0.1:10000, not \(text)")
        }
    }

    /// What is said to it crosses no network.
    package var isLoopback: Bool { host.isLoopbackHost }
    package var description: String { "\(isEncrypted ? "https" : "http")://\(host):\(port)" }
}

extension String {
    /// Whether it is an IP address of that family, once so many characters are taken off at either end.
    fileprivate func isIP(_ family: Int32, without ends: Int = 0) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        return inet_pton(family, String(dropFirst(ends).dropLast(ends)), &bytes) == 1
    }
}
