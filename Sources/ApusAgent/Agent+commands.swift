import ApusModel
import OrderedCollections

/// START and STOP.
extension Agent {
    /// Answers the command; returns the id if this took it in.
    mutating func take(_ command: NodeCommand, _ reply: Int64, _ out: inout Outbox) -> InstanceID? {
        func refuse(_ refusal: CommandAnswer.Refusal, _ reason: String) -> InstanceID? {
            out.actions.append(.answer(reply: reply, .refused(refusal, reason: reason)))
            return nil
        }
        guard command.cluster == identity.cluster else {
            return refuse(.wrongCluster, "this executor belongs to cluster \(identity.cluster), not \(command.cluster)")
        }
        guard command.executor == identity.id, command.key == identity.key else {
            // By its key a leader knows it again, so that nobody is told it: answers end up where people read them.
            return refuse(
                .wrongExecutor,
                command.executor == identity.id
                    ? "this is another executor \(identity.id) than was meant: their keys differ"
                    : "this is executor \(identity.id), not \(command.executor)"
            )
        }
        if let answer = settledAlready(command, &out) {
            raise(to: command.fence, &out)
            out.actions.append(.answer(reply: reply, answer))
            return nil
        }
        if let highest, command.fence <= highest {
            return refuse(
                .staleFence,
                "the command's fence \(text(command.fence)) is not above \(text(highest)), which this executor has seen"
            )
        }
        switch command.order {
        case .stop(let id, let reason):
            out.records.append(.stopTold(id, reason, at: out.times.wall))
            raise(to: command.fence, &out)
            if machines[id] == nil { tombstones[id] = Tombstone(reason: reason, at: out.times.wall) }
            update(id, &out) { $0.told(toStop: reason, &$1) }
        case .start(let spec):
            if let (refusal, reason) = obstacle(to: spec) {
                // Decided: a late repetition of this START must not run it after all.
                raise(to: command.fence, &out)
                return refuse(refusal, reason)
            }
            let (created, epoch) = (out.times.wall, command.fence.epoch)
            out.records.append(.accepted(spec, created: created, epoch: epoch))
            raise(to: command.fence, &out)
            machines[spec.id] = InstanceMachine(starting: spec, epoch: epoch, created: created, at: out.now)
            update(spec.id, &out) { $0.begin(&$1) }
        }
        out.actions.append(.answer(reply: reply, .accepted(machines[command.instance]?.report)))
        guard case .start(let spec) = command.order else { return nil }
        return spec.id
    }

    /// There is nothing left to do about the command: its id is known and, for a stop, was told before.
    ///
    /// Such a one is answered whatever its fence: the answer changes nothing.
    private mutating func settledAlready(_ command: NodeCommand, _ out: inout Outbox) -> CommandAnswer? {
        switch command.order {
        case .stop(let id, _):
            if tombstones[id] != nil {
                // Told only when it is surely on the disk.
                if journal.fault != nil { journal.rewriteAt = out.now }
                return .accepted(nil)
            }
            guard let machine = machines[id], machine.hasEnded || machine.stopTold != nil else { return nil }
            return .accepted(machine.report)
        case .start(let spec):
            if let tombstone = tombstones[spec.id], Self.fault(of: spec) == nil { bury(spec, tombstone, &out) }
            return machines[spec.id].map { .accepted($0.report) }
        }
    }

    /// The START for which a tombstone was set: it never ran, and the leader is told so like of any other end.
    private mutating func bury(_ spec: InstanceSpec, _ tombstone: Tombstone, _ out: inout Outbox) {
        tombstones[spec.id] = nil
        var machine = InstanceMachine(starting: spec, epoch: 0, created: out.times.wall, at: out.now)
        machine.spec = nil
        machine.stopTold = tombstone.reason
        machine.cause = .stopped(tombstone.reason)
        machine.phase = .ended(since: out.now)
        stamp(&machine, out)
        machines[spec.id] = machine
        out.records.append(.ended(machine.lastReport))
    }

    private func text(_ fence: Fence) -> String { "(\(fence.epoch), \(fence.sequence))" }

    /// What of it no leader would take a report of; `nil` if all is in bounds.
    static func fault(of spec: InstanceSpec) -> String? {
        var report = InstanceMachine(starting: spec, epoch: 0, created: WallTime(milliseconds: 0), at: .zero).report
        report.ports = spec.workload.exposedPorts.map { port in
            PortMapping(name: port.name, containerPort: port.port, hostPort: 0, type: port.type)
        }
        return report.fault
    }

    /// Why this executor will not run it; `nil` if it will.
    private func obstacle(to spec: InstanceSpec) -> (CommandAnswer.Refusal, String)? {
        if let fault = Self.fault(of: spec) { return (.unsupported, fault) }
        let parts = spec.workload.partsNotBuilt
        guard parts.isEmpty else { return (.unsupported, parts.joined(separator: "; ")) }
        let wanted = spec.allocation
        let topology = description.topology
        guard let node = topology.nodes.first(where: { $0.id == wanted.numaNode }) else {
            return (.unsupported, "NUMA node \(wanted.numaNode) is not offered by this executor")
        }
        let offered = Set(topology.slots(of: node))
        let missing = wanted.cores.filter { !offered.contains($0) }
        guard missing.isEmpty else {
            return (.unsupported, "cores \(missing) of NUMA node \(node.id) are not offered by this executor")
        }
        return conflict(of: wanted, on: node).map { (.resourcesHeld, $0) }
    }

    /// Whatever has not ended holds what it was given.
    private func conflict(of wanted: ResourceAllocation, on node: Topology.Node) -> String? {
        let holders = machines.values.filter { !$0.hasEnded && $0.allocation.numaNode == wanted.numaNode }
        var free = node.memoryMB
        for holder in holders {
            let shared = holder.allocation.cores.filter(wanted.cores.contains)
            guard shared.isEmpty else {
                return "instance \(holder.id) holds cores \(shared) of NUMA node \(node.id)"
            }
            free -= holder.allocation.memoryMB
        }
        guard wanted.memoryMB > free else { return nil }
        let names = holders.map(\.id.rawValue).joined(separator: ", ")
        return "NUMA node \(node.id) has \(free) MB of \(node.memoryMB) MB left, \(wanted.memoryMB) MB are asked for; "
            + (names.isEmpty ? "no instance holds any" : "held by \(names)")
    }
}
