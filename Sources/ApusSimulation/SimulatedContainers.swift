import ApusAgent
import ApusModel

/// The containers of one machine: they outlive the executor's process and the controller.
struct SimulatedContainers: Sendable {
    /// Where a container came from.
    enum Origin: Sendable, Equatable {
        /// The executor made it.
        case assigned
        /// Planted with sound labels of this cluster and executor.
        case stray
        /// Of this cluster and executor, but its labels cannot be read.
        case damaged
        /// Somebody else's: never listed.
        case foreign
    }

    struct Container: Sendable {
        let id: ContainerID
        let origin: Origin
        var labels: FoundLabels?
        var state: FoundContainer.State = .created
        /// What the container engine would say of it wrongly, for sabotage.
        var shown: FoundContainer.State?
        /// It answers checks from then on.
        var warmAt = Moment.zero
        /// It runs, and every check fails.
        var isSick = false
        /// It runs, and some checks fail.
        var isFlapping = false
        /// How often it was started.
        var runs = 0

        var isRunning: Bool { state == .running }
    }

    private(set) var all: [ContainerID: Container] = [:]
    private var made = 0

    /// Ascending by id.
    var sorted: [Container] { all.keys.sorted().compactMap { all[$0] } }

    func container(of instance: InstanceID) -> Container? {
        sorted.first { $0.labels?.instance == instance && $0.origin != .damaged }
    }

    subscript(id: ContainerID) -> Container? {
        get { all[id] }
        set { all[id] = newValue }
    }

    /// Makes a container; one that the instance has already is the outcome, `nil` if its ports are not free.
    mutating func create(
        _ spec: InstanceSpec,
        created: WallTime,
        epoch: Epoch,
        ports: [PortMapping],
        on host: Int
    ) -> Container? {
        if let existing = container(of: spec.id) { return existing }
        var ports = ports
        if ports.isEmpty, case .localService(let service) = spec.workload, service.isHostLevel {
            ports = spec.workload.exposedPorts.map { port in
                PortMapping(name: port.name, containerPort: port.port, hostPort: port.port, type: port.type)
            }
        }
        guard ports.allSatisfy({ !portsInUse.contains($0.hostPort) }) else { return nil }
        let labels = FoundLabels(
            instance: spec.id,
            owner: spec.owner,
            appName: spec.workload.name,
            allocation: spec.allocation,
            ports: ports.isEmpty ? publish(spec.workload.exposedPorts) : ports,
            readiness: spec.workload.readiness,
            health: spec.workload.healthcheck,
            hooks: spec.workload.preShutdown?.hooks ?? [],
            waitBeforeKill: spec.workload.preShutdown?.waitBeforeKill,
            created: created,
            epoch: epoch
        )
        return add(.assigned, labels: labels, on: host)
    }

    /// Adds a container that the executor did not make, running.
    mutating func plant(_ origin: Origin, labels: FoundLabels?, on host: Int) -> ContainerID {
        let container = add(origin, labels: labels, on: host)
        all[container.id]?.state = .running
        return container.id
    }

    private var portsInUse: Set<Int> {
        Set(all.values.flatMap { ($0.labels?.ports ?? []).map(\.hostPort) })
    }

    /// The lowest ports that no container has.
    func publish(_ ports: [PortSpec]) -> [PortMapping] {
        var used = portsInUse
        return ports.map { port in
            let free = (20_000...).first { !used.contains($0) } ?? 0
            used.insert(free)
            return PortMapping(name: port.name, containerPort: port.port, hostPort: free, type: port.type)
        }
    }

    private mutating func add(_ origin: Origin, labels: FoundLabels?, on host: Int) -> Container {
        made += 1
        let container = Container(id: ContainerID("c\(host)-\(made)"), origin: origin, labels: labels)
        all[container.id] = container
        return container
    }

    /// As the container engine lists them for this cluster and executor.
    var found: [FoundContainer] {
        sorted.filter { $0.origin != .foreign }.map { container in
            let labels: FoundContainer.Labels =
                if container.origin != .damaged, let labels = container.labels {
                    .ours(labels)
                } else {
                    .damaged(reason: "the label apus.instance is missing")
                }
            return FoundContainer(
                container: container.id,
                name: "apus-\(container.id)",
                state: container.shown ?? container.state,
                labels: labels
            )
        }
    }
}
