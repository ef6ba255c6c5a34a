import ApusAgent
import ApusModel

/// What must hold of containers.
extension Oracle {
    /// A container begins to run.
    mutating func starts(_ container: SimulatedContainers.Container, on host: SimulatedExecutor) {
        guard let labels = container.labels else { return }
        let id = labels.instance
        if let other = running[id], other != container.id { violated("\(id) runs twice: \(other) and \(container.id)") }
        running[id] = container.id
        if again.removeValue(forKey: id) != nil, let before = begun[id] { checkSame(id, before, labels) }
        begun[id] = labels
        checkHeld(by: container, labels, on: host)
        guard !planted.contains(id) else { return }
        let place = live[id] ?? givenUp[id]
        if place == nil { violated("\(id) runs on e\(host.index), and the store has no assignment of it") }
        if let place, place != host.identity.id { violated("\(id) runs on e\(host.index), and was placed elsewhere") }
        if over.contains(id) { violated("\(id) had ended and runs again") }
        if case .task(let task) = labels.owner { violated(tasks.starts(container.id, of: task)) }
    }

    private mutating func checkSame(_ id: InstanceID, _ before: FoundLabels, _ now: FoundLabels) {
        if before.allocation != now.allocation { violated("\(id) restarts in place with other cores") }
        if before.ports != now.ports { violated("\(id) restarts in place with other ports") }
    }

    /// No core and no port has two containers that run.
    private mutating func checkHeld(
        by container: SimulatedContainers.Container,
        _ labels: FoundLabels,
        on host: SimulatedExecutor
    ) {
        let cores = Set(labels.allocation.cores)
        let ports = Set(labels.ports.map(\.hostPort))
        var memory = labels.allocation.memoryMB
        for other in host.containers.sorted where other.isRunning && other.id != container.id {
            guard let held = other.labels else { continue }
            if let port = held.ports.map(\.hostPort).first(where: ports.contains) {
                violated("port \(port) of e\(host.index) is held by \(labels.instance) and \(held.instance)")
            }
            // What was planted took cores that nobody gave it.
            guard !planted.contains(held.instance), !planted.contains(labels.instance),
                held.allocation.numaNode == labels.allocation.numaNode
            else { continue }
            memory += held.allocation.memoryMB
            if let core = held.allocation.cores.first(where: cores.contains) {
                violated("core \(core) of e\(host.index) is held by \(labels.instance) and \(held.instance)")
            }
        }
        let node = host.description.topology.nodes.first { $0.id == labels.allocation.numaNode }
        if memory > node?.memoryMB ?? 0 { violated("the memory of e\(host.index) is given out twice") }
    }

    mutating func ends(_ container: SimulatedContainers.Container) {
        passing.remove(container.id)
        guard let labels = container.labels, running[labels.instance] == container.id else { return }
        running[labels.instance] = nil
        if case .exited(let code, _) = container.state { tasks.exits(labels.instance, code: code) }
    }

    /// Somebody else's container is never stopped or removed.
    mutating func touches(_ container: SimulatedContainers.Container) {
        guard container.origin == .foreign || container.origin == .damaged else { return }
        violated("\(container.id) is not ours and was stopped or removed")
    }
}
