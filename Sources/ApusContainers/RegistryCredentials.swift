import ApusModel

/// Who pulls from one registry.
///
/// It says nothing of itself but the name: it is never to be seen in a log.
package struct RegistryCredentials: Hashable, Sendable, CustomStringConvertible {
    /// As images name it: `registry.example.com:5000`, `docker.io` for images that name none.
    package let registry: String
    private let username: String
    private let password: String

    package init(registry: String, username: String, password: String) {
        self.registry = registry
        self.username = username
        self.password = password
    }

    package var description: String { "credentials for \(registry)" }

    /// The engine's `X-Registry-Auth`: JSON in the URL-safe alphabet of base 64.
    var header: String {
        // Docker Hub goes by another name there.
        let address = registry == ImageReference.hub ? "https://index.docker.io/v1/" : registry
        let json = JSON.members([
            "username": .string(username), "password": .string(password), "serveraddress": .string(address),
        ])
        return String(Base64.encoded(json.bytes).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }
}
