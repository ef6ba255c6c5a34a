import Crypto

/// The secrets by which the nodes of a cluster know each other: the first is sent, any is accepted, so that they can be
/// changed one machine after the other.
package struct NodeSecrets: Sendable {
    /// Shorter ones could be guessed.
    package static let shortest = 16

    private let secrets: [String]

    /// Why secrets cannot be used; never with a secret in it.
    package struct Unusable: Error, CustomStringConvertible {
        package var description: String
    }

    /// - Throws: `Unusable` if there is none, or one is too short.
    package init(_ secrets: [String]) throws(Unusable) {
        guard !secrets.isEmpty else { throw Unusable(description: "there is no node secret") }
        guard secrets.allSatisfy({ $0.utf8.count >= Self.shortest }) else {
            throw Unusable(description: "a node secret must have at least \(Self.shortest) characters")
        }
        self.secrets = secrets
    }

    /// What this node shows to others.
    package var sent: String { secrets[0] }

    /// Whether another node's secret is one of ours; takes as long whether it is or not.
    package func accepts(_ shown: String) -> Bool {
        let key = SymmetricKey(size: .bits256)
        let digest = HMAC<SHA256>.authenticationCode(for: Array(shown.utf8), using: key)
        return secrets.reduce(false) { found, secret in
            HMAC<SHA256>.isValidAuthenticationCode(digest, authenticating: Array(secret.utf8), using: key) || found
        }
    }
}
