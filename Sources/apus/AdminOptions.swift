import ApusClient
import ApusTelemetry
import ArgumentParser
import Logging

/// Where metrics and health are served.
struct AdminOptions: ParsableArguments {
    private static let option = "--admin-address"
    static let none = "none"

    @Option(
        name: .customLong("admin-address"),
        help: ArgumentHelp(
            "Where metrics and health are served: /metrics, /metrics/prometheus, /healthcheck, /ping; none for nowhere. "
                + "Default: the next port after that of --address, on loopback, which another process on this machine may want.",
            valueName: "ip:port"
        )
    )
    var text: String?

    func validate() throws {
        guard let text, text != Self.none else { return }
        _ = try NodeAddress(text, option: Self.option)
    }

    /// `nil` for nowhere; by default the port after that of `main`, but not one of `others`.
    func address(after main: NodeAddress, others: [NodeAddress] = []) throws -> NodeAddress? {
        guard text != Self.none else { return nil }
        if let text {
            let address = try NodeAddress(text, option: Self.option)
            guard !([main] + others).contains(address) else {
                throw ValidationError("\(Self.option) must not be \(address): something else listens there already")
            }
            return address
        }
        var port = main.port + 1
        while others.contains(where: { $0.port == port }) { port += 1 }
        guard port <= 65_535 else {
            throw ValidationError("\(Self.option) must be given: there is no port after \(main.port)")
        }
        return main.beside(port: port)
    }
}

extension AdminServer {
    /// Serves what a process tells of itself; `nil` for nowhere.
    init?(
        _ telemetry: Telemetry,
        at address: NodeAddress?,
        encryption: (@Sendable () -> PortEncryption)?,
        logger: Logger
    ) {
        guard let address else { return nil }
        self.init(telemetry, address: address.host, port: address.port, encryption: encryption, logger: logger)
    }
}

extension NodeAddress? {
    /// For people who just started a process.
    func metrics(isEncrypted: Bool) -> String {
        guard let address = self else { return "are served nowhere (--admin-address none)" }
        let note = address.isLoopback ? "" : " (no authentication: whoever reaches it can read them)"
        return "\(address.url(isEncrypted: isEncrypted))/metrics, /healthcheck\(note)"
    }
}

extension NodeAddress {
    /// For people; other nodes may know it by another name.
    func url(isEncrypted: Bool) -> String { "\(isEncrypted ? "https" : "http")://\(self)" }

    /// What a node says behind the URL under which others find it.
    func listening(as hostname: String) -> String {
        if isLoopback { return " (on loopback: whoever uses this machine reaches it)" }
        return hostname == urlHost ? "" : " (listens on \(self))"
    }
}
