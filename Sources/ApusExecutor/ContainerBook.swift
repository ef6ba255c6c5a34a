package import ApusModel
import Synchronization

/// Which container each instance of this executor has, by the agent's word.
package final class ContainerBook: Sendable {
    private let known = Mutex<[InstanceID: ContainerID]>([:])

    package init() {}

    /// `nil` for an instance that is not here, or has none.
    package func container(of instance: InstanceID) -> ContainerID? { known.withLock { $0[instance] } }

    /// It has that one from now on.
    package func note(_ instance: InstanceID, _ container: ContainerID) {
        known.withLock { $0[instance] = container }
    }

    /// All that there are; whatever else was known is forgotten.
    func list(_ all: [InstanceID: ContainerID]) { known.withLock { $0 = all } }
}
