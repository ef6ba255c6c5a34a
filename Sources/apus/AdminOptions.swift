import ApusTelemetry
import ArgumentParser
import Logging

/// Where metrics and health are served.
struct AdminOptions: ParsableArguments {
    private static let option = "--admin-address"
    private static let none = "none"

    @Option(
        name: .customLong("admin-address"),
        help: ArgumentHelp(
            "Where metrics and health are served: /metrics, /metrics/prometheus, /healthcheck, /ping; none for nowhere. "
                + "Default: the next port after that of --address, which another process on this machine may want.",
            valueName: "ip:port"
        )
    )
    var text: String?

    func validate() throws {
        guard let text, text != Self.none else { return }
        _ = try LoopbackAddress(text, option: Self.option)
    }

    /// `nil` for nowhere; by default the port after that of `main`, but not one of `others`.
    func address(after main: LoopbackAddress, others: [LoopbackAddress] = []) throws -> LoopbackAddress? {
        guard text != Self.none else { return nil }
        if let text {
            let address = try LoopbackAddress(text, option: Self.option)
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
        return try LoopbackAddress("\(main.host):\(port)", option: Self.option)
    }
}

extension AdminServer {
    /// Serves what a process tells of itself.
    init(_ telemetry: Telemetry, at address: LoopbackAddress, logger: Logger) {
        self.init(telemetry, address: address.host, port: address.port, logger: logger)
    }
}

extension LoopbackAddress? {
    /// For people who just started a process.
    var metrics: String { map { "\($0.url)/metrics, /healthcheck" } ?? "are served nowhere (--admin-address none)" }
}
