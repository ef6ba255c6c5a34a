package import ApusModel
import OrderedCollections

/// A container whose output is to be kept.
package struct LoggedContainer: Hashable, Sendable {
    package var instance: InstanceID
    package var owner: Owner
    package var container: ContainerID
    package var logging: LoggingSpec
}

extension Agent {
    /// The container of an instance that has not ended; `nil` while it has none.
    package func container(of id: InstanceID) -> LoggedContainer? {
        guard let machine = machines[id], !machine.hasEnded, let container = machine.container else { return nil }
        return LoggedContainer(
            instance: id,
            owner: machine.owner,
            container: container,
            // One known only by its labels does not say.
            logging: machine.spec?.workload.logging ?? .standard
        )
    }

    /// Those of all instances.
    package var containers: [LoggedContainer] { machines.keys.compactMap(container(of:)) }
}
