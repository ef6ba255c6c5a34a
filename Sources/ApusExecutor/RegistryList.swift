import ApusClient
package import ApusContainers
package import ApusModel

/// Who pulls from which registry, out of a file that only its owner may read.
///
/// ```yaml
/// registry.example.com:5000:
///   username: apus
///   password: secret
/// ```
/// Drove's form, with the entries below `entries`, and Docker's own `config.json`, with `auths`, are read too. The file
/// is read at each pull, so that a new password needs no restart.
package struct RegistryList: Sendable {
    /// Nobody needs to say who they are.
    package static let empty = RegistryList(path: nil)

    private let path: String?
    private let lookups = Lookups(limit: 4)

    private init(path: String?) { self.path = path }

    /// Reads the file once, so that whoever starts the executor learns what is wrong with it; blocks.
    package init(path: String) throws(ExecutorError) {
        self.path = path
        _ = try Self.read(path)
    }

    /// Those for that registry; `nil` if there are none.
    func credentials(for registry: String) async throws -> RegistryCredentials? {
        guard let path else { return nil }
        return try await lookups.run(within: .seconds(5), doing: "reading \(path)") {
            try Self.read(path).first { $0.registry == registry }
        }
    }

    private static func read(_ path: String) throws(ExecutorError) -> [RegistryCredentials] {
        guard let json = try PrivateFile.read(path, .ownersToRead) else {
            throw ExecutorError("\(path) cannot be opened: there is no such file")
        }
        return try all(in: json, of: path)
    }

    /// What the file says; `path` is for texts.
    ///
    /// - Throws: `ExecutorError` with the first fault; never with a password in it.
    package static func all(in json: JSON, of path: String) throws(ExecutorError) -> [RegistryCredentials] {
        guard case .object(let members) = json["entries"] ?? json["auths"] ?? json else {
            throw ExecutorError("\(path) must hold registries, each with a username and a password")
        }
        var list: [RegistryCredentials] = []
        for member in members { list.append(try credentials(member, path)) }
        return list
    }

    private static func credentials(_ member: JSON.Member, _ path: String) throws(ExecutorError) -> RegistryCredentials
    {
        let entry = member.value
        if case .integer? = entry["password"] {
            throw ExecutorError("\(path): the password of registry \(member.key) is a number: put it into quotes")
        }
        if let username = entry["username"]?.text, let password = entry["password"]?.text {
            return RegistryCredentials(registry: registry(member.key), username: username, password: password)
        }
        // Docker's own form: both in one.
        guard let both = entry["auth"]?.text.flatMap(Base64.decoded), let colon = both.firstIndex(of: UInt8(ascii: ":"))
        else { throw ExecutorError("\(path): registry \(member.key) needs a username and a password") }
        return RegistryCredentials(
            registry: registry(member.key),
            username: String(decoding: both[..<colon], as: UTF8.self),
            password: String(decoding: both[(colon + 1)...], as: UTF8.self)
        )
    }

    /// Docker writes `https://index.docker.io/v1/` for what images call `docker.io`.
    private static func registry(_ key: String) -> String {
        var host = Substring(key)
        for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host = host.dropFirst(scheme.count) }
        return ImageReference("\(host.prefix { $0 != "/" })/x").registry
    }
}
