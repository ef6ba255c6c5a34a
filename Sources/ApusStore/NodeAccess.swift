import CZooKeeper

/// One entry of the list that ZooKeeper keeps with each node: who may do what with it.
package struct NodeAccess: Hashable, Sendable, CustomStringConvertible {
    package let scheme: String
    /// Of the scheme `digest` the user, a colon, and a hash that follows from the password.
    package let id: String
    private let powers: Int32

    init(_ entry: ACL) {
        scheme = entry.id.scheme.map { String(cString: $0) } ?? ""
        id = entry.id.id.map { String(cString: $0) } ?? ""
        powers = entry.perms
    }

    package var description: String { "\(scheme):\(scheme == "digest" ? "\(id.prefix { $0 != ":" })" : id)" }

    /// No more than to see what it holds, and the names below it.
    fileprivate var onlyReads: Bool { powers & ~ZOO_PERM_READ == 0 }

    fileprivate func isAlso(_ other: NodeAccess) -> Bool { (scheme, id) == (other.scheme, other.id) }
}

/// What others than the credential may be let do with a node.
enum Tolerance {
    case nothing
    case reading
}

extension [NodeAccess] {
    /// Those who are let do more.
    ///
    /// Servers differ in how they hash, so one that goes by the credential's name is taken for it; if it is another one,
    /// nothing can be made there.
    func others(than credential: ZooKeeperCredential, beyond tolerance: Tolerance) -> [NodeAccess] {
        let own = first { $0.scheme == "digest" && $0.id.hasPrefix("\(credential.user):") }
        return filter { entry in
            if let own, entry.isAlso(own) { return false }
            return switch tolerance {
            case .nothing: true
            case .reading: !entry.onlyReads
            }
        }
    }
}
