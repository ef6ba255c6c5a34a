package import ApusModel

/// Who leads, and who could.
///
/// Two conformers: `SoleLeadership`, where whoever has the state directory leads, and `ZooKeeperLeadership`.
package protocol Leadership: Sendable {
    /// Whether another controller can lead, so that this one stands by when it does not.
    var isShared: Bool { get }

    /// Waits until this controller is the leader, and runs `body` with its term; the epoch is the store's by then.
    ///
    /// When the term ends before `body` does, `body` is cancelled, and awaited: nothing of a term goes on after this.
    /// To be leader again, call it again: it is the last in the line then.
    ///
    /// - Returns: why the term ended; `resigned` if `body` came to its end.
    /// - Throws: what `body` throws, or `CancellationError`.
    func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd

    /// Changes what the others are told of this controller: its address, its role.
    func describe(_ bytes: [UInt8]) async throws(StoreError)

    /// All controllers that were ever here, this one included, by id; absent ones until they are forgotten, of many the
    /// longest absent by themselves.
    func controllers() async throws(StoreError) -> [ControllerPresence]

    /// Tells who is first in the line, now and at each change, until cancelled; `nil` while nobody is.
    ///
    /// It leads, or is about to: its epoch may not be raised yet.
    func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async

    /// Has the others know what this controller reaches, for as long as it is here.
    func tell(reach bytes: [UInt8]) async throws(StoreError)

    /// What the other controllers that are here have said within `span` that they reach, by their ids.
    ///
    /// What this one said itself is taken back.
    func reach(within span: Duration) async throws(StoreError) -> [String: [UInt8]]

    /// What is wrong, and what to do, while another controller that lives goes by this one's id; as it was found last.
    var namesake: String? { get }

    /// Drops what is known of a controller that will not come back; one that is present stays.
    func forget(_ id: String) async throws(StoreError)
}

/// One controller, as the others see it.
package struct ControllerPresence: Hashable, Sendable {
    package var id: String
    /// What it said of itself last.
    package var description: [UInt8]
    /// It is here now, or was a session ago.
    package var isPresent: Bool
    /// It is the first in the line.
    package var isLeader: Bool
    /// When it last said something, within ten seconds while it is present; by the store's clock.
    package var lastSeen: WallTime

    package init(id: String, description: [UInt8], isPresent: Bool, isLeader: Bool, lastSeen: WallTime) {
        self.id = id
        self.description = description
        self.isPresent = isPresent
        self.isLeader = isLeader
        self.lastSeen = lastSeen
    }
}

/// Why a term ended.
package enum TermEnd: Hashable, Sendable, CustomStringConvertible {
    /// No write was acknowledged in time: somebody else may lead soon.
    case leaseLapsed
    /// ZooKeeper has let the session expire.
    case sessionExpired
    /// The servers that ZooKeeper was found at again grant a shorter session than the lease was counted by.
    case sessionShortened
    /// Another leader raised the epoch.
    case fenced(by: Epoch)
    /// It was given up; whom it named comes next, if that one is there.
    case resigned(to: String?)

    package var description: String {
        switch self {
        case .leaseLapsed: "the lease lapsed: the store acknowledged nothing in time"
        case .sessionExpired: "the session with ZooKeeper expired"
        case .sessionShortened: "ZooKeeper grants a shorter session than before"
        case .fenced(let epoch): "another leader has taken over with epoch \(epoch)"
        case .resigned(let successor): "the leadership was handed over\(successor.map { " to \($0)" } ?? "")"
        }
    }
}
