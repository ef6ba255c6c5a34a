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

    /// What an instance runs; `nil` once it has ended, and of a container known only by its labels.
    package func spec(of id: InstanceID) -> InstanceSpec? { machines[id]?.spec }

    /// The instances that have not ended, and the images that they need as far as they are known.
    package var living: (ids: Set<InstanceID>, images: Set<String>) {
        let machines = machines.values.filter { !$0.hasEnded }
        return (Set(machines.map(\.id)), Set(machines.compactMap { $0.spec?.workload.executable.url }))
    }

    /// Those of all instances.
    package var containers: [LoggedContainer] { machines.keys.compactMap(container(of:)) }

    /// The instances that have not ended, by their containers: another that bears an instance's name is not its own.
    package var instancesByContainer: [ContainerID: InstanceReport] {
        var found: [ContainerID: InstanceReport] = [:]
        for machine in machines.values where !machine.hasEnded {
            if let container = machine.container { found[container] = machine.report }
        }
        return found
    }
}
