import ApusController
import ArgumentParser

/// Who may call a controller.
struct CallerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The users that a cluster without users begins with: a file of Drove's userAuth in YAML or JSON, which only "
                + "its owner may read. See `apus users`.",
            valueName: "file"
        )
    )
    var users: String?

    @Option(
        help: ArgumentHelp(
            "The header by which a proxy in front names the user, such as X-Remote-User; with --trusted-proxy.",
            valueName: "name"
        )
    )
    var trustedProxyHeader: String?

    @Option(
        name: .customLong("trusted-proxy"),
        help: ArgumentHelp(
            "An address of that proxy; from all others the header is ignored. May be repeated.",
            valueName: "ip"
        )
    )
    var trustedProxies: [String] = []

    func validate() throws {
        _ = try trustedProxy()
    }

    /// - Throws: `CommandFailure` if the file of users cannot be used.
    func settings() throws -> CallerSettings {
        var settings = CallerSettings()
        if let users {
            let known = try UsersFile(path: users).users()
            settings.users = known ?? []
            settings.missingUsers = known == nil ? users : nil
        }
        settings.trustedProxy = try trustedProxy()
        return settings
    }

    private func trustedProxy() throws -> TrustedProxy? {
        guard let trustedProxyHeader else {
            guard trustedProxies.isEmpty else {
                throw ValidationError("--trusted-proxy needs --trusted-proxy-header, which names the user")
            }
            return nil
        }
        do {
            return try TrustedProxy(header: trustedProxyHeader, addresses: trustedProxies)
        } catch {
            throw ValidationError("--trusted-proxy-header, --trusted-proxy: \(error)")
        }
    }
}
