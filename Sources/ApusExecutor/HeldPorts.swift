import ApusModel
import Synchronization

/// Ports of containers that are made and not yet started.
final class HeldPorts: Sendable {
    private struct Held {
        var container: ContainerID
        var ports: PortReservation
    }

    private let all = Mutex<[InstanceID: Held]>([:])

    func hold(_ ports: PortReservation, for container: ContainerID, of instance: InstanceID) {
        all.withLock { $0[instance] = Held(container: container, ports: ports) }
    }

    /// `nil` if another container of the instance has them.
    func held(for container: ContainerID, of instance: InstanceID) -> PortReservation? {
        all.withLock { $0[instance].flatMap { $0.container == container ? $0.ports : nil } }
    }

    /// Another container of the instance keeps its ports.
    func release(_ container: ContainerID, of instance: InstanceID) {
        let held = all.withLock { all in
            all[instance]?.container == container ? all.removeValue(forKey: instance) : nil
        }
        held?.ports.release()
    }
}
