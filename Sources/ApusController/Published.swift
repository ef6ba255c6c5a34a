import ApusEngine
import Synchronization

/// The last committed state, as every reader sees it.
final class Published: Sendable {
    private let committed = Mutex<ClusterState?>(nil)

    /// `nil` while this controller does not lead.
    var state: ClusterState? { committed.withLock { $0 } }

    func publish(_ state: ClusterState?) { committed.withLock { $0 = state } }
}
