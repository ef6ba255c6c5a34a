import CZooKeeper

/// Why an operation on a node did not do what was asked.
package struct ZooKeeperError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case noNode
        case nodeExists
        /// The node was changed by somebody else.
        case badVersion
        /// Another credential made the node.
        case noAuth
        /// Not answered, or not in time: whether it was done is unknown.
        case lost
        /// Answered, and not done.
        case other
    }

    package var kind: Kind
    /// The node, below the chroot.
    package var path: String
    private var reason: String

    init(_ kind: Kind, _ path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    init(code: Int32, path: String) {
        self.init(Self.kind(of: code), path, String(cString: zerror(code)))
    }

    private static func kind(of code: Int32) -> Kind {
        switch code {
        case ZNONODE.rawValue: .noNode
        case ZNODEEXISTS.rawValue: .nodeExists
        case ZBADVERSION.rawValue: .badVersion
        case ZNOAUTH.rawValue: .noAuth
        case ZCONNECTIONLOSS.rawValue, ZOPERATIONTIMEOUT.rawValue, ZSESSIONEXPIRED.rawValue, ZSESSIONMOVED.rawValue,
            ZINVALIDSTATE.rawValue, ZCLOSING.rawValue, ZTHROTTLEDOP.rawValue:
            .lost
        default: .other
        }
    }

    package var description: String {
        switch kind {
        case .noAuth:
            "ZooKeeper \(path): another credential made this node; give all controllers the same, or each cluster its path"
        default: "ZooKeeper \(path): \(reason)"
        }
    }

    /// It will be so again until a person has mended it.
    var lasts: Bool {
        switch kind {
        case .noNode, .noAuth, .other: true
        case .nodeExists, .badVersion, .lost: false
        }
    }

    var storeError: StoreError { .unavailable(reason: description) }

    /// The same of whoever stands at a place in the line and takes over; that the place is gone says nothing of the store.
    func storeError(at place: String?) -> StoreError {
        guard let place, lasts, kind != .noNode || path != place else { return storeError }
        return .refused(reason: description)
    }

    /// What is refused so will be refused again.
    var isRefusal: Bool {
        switch kind {
        case .noAuth, .other: true
        case .noNode, .nodeExists, .badVersion, .lost: false
        }
    }

    /// The same of a controller's first look at our nodes.
    var firstStoreError: StoreError { isRefusal ? .refused(reason: description) : storeError }
}
