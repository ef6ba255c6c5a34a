import Crypto

/// The secrets by which the nodes of a cluster know each other: the first is sent, any is accepted, so that they can be
/// changed one machine after the other.
package struct NodeSecrets: Sendable, CustomStringConvertible {
    /// Shorter ones could be guessed.
    package static let shortest = 16
    /// As headers may be.
    private static let longest = 512
    /// Two are enough for a change.
    private static let most = 16

    private let secrets: [String]

    /// Why secrets cannot be used; never with a secret in it.
    package struct Unusable: Error, CustomStringConvertible {
        package var description: String
    }

    /// - Throws: `Unusable` if there is none or too many, or one is too short or cannot stand in a header.
    package init(_ secrets: [String]) throws(Unusable) {
        guard !secrets.isEmpty else { throw Unusable(description: "there is no node secret") }
        guard secrets.allSatisfy({ $0.utf8.count >= Self.shortest }) else {
            throw Unusable(description: "a node secret must have at least \(Self.shortest) characters")
        }
        guard secrets.count <= Self.most else {
            throw Unusable(description: "there are more than \(Self.most) node secrets")
        }
        let visible = UInt8(ascii: "!")...UInt8(ascii: "~")
        guard secrets.allSatisfy({ $0.utf8.count <= Self.longest && $0.utf8.allSatisfy(visible.contains) }) else {
            throw Unusable(
                description: "a node secret must be up to \(Self.longest) letters, digits and signs without spaces"
            )
        }
        self.secrets = secrets
    }

    /// Reads a file with one secret a line, which only its owner may read; blocks.
    ///
    /// Lines that begin with # say nothing.
    ///
    /// - Throws: `SmallFile.Trouble` or `Unusable`, both for people.
    package init(file path: String) throws {
        let text = String(decoding: try SmallFile.existing(path, .ownersToRead).bytes, as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
        do throws(Unusable) {
            self = try NodeSecrets(lines.filter { !$0.isEmpty && !$0.hasPrefix("#") })
        } catch {
            throw Unusable(description: "\(path): \(error)")
        }
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

    /// Never a secret, wherever it is shown.
    package var description: String { "\(secrets.count) node secrets" }
}
