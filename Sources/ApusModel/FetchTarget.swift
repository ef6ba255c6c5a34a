/// Whom configuration files may be fetched from: a host, and a port of it if only that is meant.
package struct FetchTarget: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int?

    /// `config.example.com`, `config.example.com:8080`, `10.0.0.7:80`, `[fd00::7]:80`; `nil` for anything else, so also
    /// for `fd00::7`, of which nobody could tell whether the 7 is a port.
    package init?(_ text: String) {
        var host = Substring(text)
        var port: Int?
        let end = text.hasPrefix("[") ? text.lastIndex(of: "]") : nil
        if let colon = text.lastIndex(of: ":"), end.map({ colon > $0 }) ?? true {
            guard let number = Int(text[text.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            (host, port) = (text[..<colon], number)
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        let isPlain = !host.isEmpty && host.utf8.allSatisfy(Self.isOfHost)
        guard isPlain, isBracketed || !host.contains(":") else { return nil }
        self.host = host.lowercased()
        self.port = port
    }

    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }

    package var description: String { port.map { "\(host):\($0)" } ?? host }

    /// Whether the call goes there.
    package func permits(_ call: HTTPCallSpec) -> Bool {
        host == call.hostname.lowercased() && port.map { $0 == call.effectivePort } ?? true
    }
}
