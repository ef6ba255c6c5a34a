import ApusEngine
import ApusModel
import ArgumentParser

/// What specifications may ask for in this cluster.
struct SpecificationOptions: ParsableArguments {
    @Flag(help: "Let specifications ask for devices of the machines, as far as each machine's limits allow it.")
    var enableRawDeviceAccess = false

    @Option(
        name: .customLong("allow-fetch"),
        help: ArgumentHelp(
            "A host from which the controller may fetch configuration files, of one port only if it names one. May be "
                + "repeated. Default: none.",
            valueName: "host[:port]"
        )
    )
    var fetches: [String] = []

    var allowances: Allowances {
        var allowances = Allowances()
        allowances.devices = enableRawDeviceAccess
        allowances.fetches = fetches.compactMap(FetchTarget.init)
        return allowances
    }

    func validate() throws {
        guard let wrong = fetches.first(where: { FetchTarget($0) == nil }) else { return }
        throw ValidationError("--allow-fetch must be a host, or host:port, not \(wrong)")
    }
}
