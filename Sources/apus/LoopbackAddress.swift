import ArgumentParser

/// An address of this machine that no other can reach.
struct LoopbackAddress: CustomStringConvertible {
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
                "\(option) must be a loopback address such as 127.0.0.1, not \(host): `apus dev` has no authentication, "
                    + "so whoever reached it would control this machine's containers"
            )
        }
        self.host = host
        self.port = port
    }

    var description: String { "\(host):\(port)" }
    var url: String { "http://\(self)" }
}
