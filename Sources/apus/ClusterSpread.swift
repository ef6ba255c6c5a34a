import ApusClient
import ApusModel
import ArgumentParser

struct ClusterSpreadShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show the cluster's SPREAD.")

    @OptionGroup var api: APIOptions

    func run() async throws {
        let spread = try await callingAPI { try await api.client.defaultSpread() }
        Output.line(api.json ? spread.serialized : spread.spreadText)
    }
}

struct ClusterSpreadSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Spread applications whose policy has no SPREAD.",
        discussion: "It holds for what is placed from now on; what runs stays where it is."
    )

    @Argument(help: ArgumentHelp("zone, host, or the name of a metadata key after metadata:", valueName: "places"))
    var places: String

    @Option(
        help: ArgumentHelp("How many more one place may have than the one with the fewest, 1 to 64.", valueName: "n")
    )
    var maxSkew = 1

    @Flag(help: "Prefer evenness only: take an uneven place when no other has room.")
    var soft = false

    @Flag(help: "Count each version of an application by itself.")
    var perVersion = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        _ = try axis()
        guard (1...64).contains(maxSkew) else { throw ValidationError("--max-skew must be 1 to 64") }
    }

    func run() async throws {
        let policy = SpreadPolicy(
            try axis(),
            maxSkew: maxSkew,
            enforcement: soft ? .soft : .hard,
            scope: perVersion ? .version : .name
        )
        let spread = try await callingAPI { try await api.client.setDefaultSpread(DefaultSpread(policy)) }
        Output.line(api.json ? spread.serialized : spread.spreadText)
    }

    private func axis() throws -> SpreadPolicy.Axis {
        let prefix = "metadata:"
        switch places {
        case "zone": return .zone
        case "host": return .host
        case _ where places.hasPrefix(prefix) && places.utf8.count > prefix.utf8.count:
            return .metadata(key: String(places.dropFirst(prefix.count)))
        default: throw ValidationError("spread over zone, host or metadata:KEY, not over \"\(places)\"")
        }
    }
}

struct ClusterSpreadClear: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Spread only the applications whose own policy says so."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        let spread = try await callingAPI { try await api.client.setDefaultSpread(DefaultSpread(nil)) }
        Output.line(api.json ? spread.serialized : spread.spreadText)
    }
}

extension JSON {
    /// A default spread, for people.
    fileprivate var spreadText: String {
        guard let over = self["over"]?.text?.lowercased() else {
            return "applications are spread only where their own policy says so"
        }
        let place = self["key"]?.text.map { "\(over) \($0)" } ?? over
        let skew = if case .integer(let skew)? = self["maxSkew"] { skew } else { Int64(1) }
        let counted = self["scope"]?.text == "VERSION" ? "each version by itself" : "all versions together"
        let force = self["enforcement"]?.text == "SOFT" ? "preferred" : "enforced"
        return "applications are spread over \(place), at most \(skew) uneven, \(counted), \(force)"
    }
}
