import ArgumentParser

/// An address of this machine that no other can reach.
struct LoopbackAddress: Hashable, CustomStringConvertible {
    let host: String
    let port: Int

    /// Takes `127.x.y.z:port` or `localhost:port`.
    ///
    /// - Throws: `ValidationError` naming the option.
    init(_ text: String, option: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = Int(parts[1]), (1...65_535).contains(port) else {
            throw ValidationError("\(option) must be an address and a port, such as 127.0.0.1:10000, not \(text)")
        }
        let host = parts[0] == "localhost" ? "127.0.0.1" : String(parts[0])
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard numbers.count == 4, numbers[0] == 127, !numbers.contains(nil) else {
            throw ValidationError(
                "\(option) must be a loopback address such as 127.0.0.1, not \(host): Apus has no authentication yet, and "
                    + "beyond loopback whoever can reach it controls this machine's containers"
            )
        }
        self.host = host
        self.port = port
    }

    /// Takes base URLs such as `http://127.0.0.1:10000`, several in one text with commas between them; each once.
    ///
    /// - Throws: `ValidationError` naming the option.
    static func list(_ texts: [String], option: String) throws -> [LoopbackAddress] {
        var addresses: [LoopbackAddress] = []
        for text in texts.flatMap({ $0.split(separator: ",") }) {
            guard !text.hasPrefix("https://") else {
                throw ValidationError("\(option) must be http://…, not \(text): Apus has no TLS yet")
            }
            var rest = text.hasPrefix("http://") ? text.dropFirst("http://".count) : text
            if rest.hasSuffix("/") { rest.removeLast() }
            let address = try LoopbackAddress(String(rest), option: option)
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else { throw ValidationError("\(option) must name a controller") }
        return addresses
    }

    var description: String { "\(host):\(port)" }
    var url: String { "http://\(self)" }
}
