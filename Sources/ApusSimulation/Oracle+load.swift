import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// A task goes where something is free.
extension Oracle {
    /// Nobody draws an executor with nothing free as long as another one could take the task.
    ///
    /// `state` is what was decided with this START.
    mutating func checkLoad(of spec: InstanceSpec, on member: Member, _ state: ClusterState) {
        // Where tasks are spread the emptier place comes first, whatever is free there.
        guard case .task(let task) = spec.owner, member.load?.isNothing == true, state.facts.spread == nil,
            state.localServices.isEmpty, state.tasks[task]?.refusals == 0
        else { return }
        let policy = spec.workload.placementPolicy
        let better = state.members.values.filter { other in
            guard other.admission == .open, let load = other.load, load.freeCPU > 0, load.freeMemoryMB > 0 else {
                return false
            }
            let owners =
                other.instances.compactMap { state.instances[$0]?.owner }
                + state.strays.values.filter { $0.executor == other.id }.map(\.owner)
            let others = owners.count { $0.placementGroup(name: nil) == spec.owner.placementGroup(name: nil) }
            return policy.permits(other, with: others) && state.hasRoom(for: spec.allocation, on: other)
        }
        guard let other = better.min(by: { $0.id < $1.id }) else { return }
        violated("\(spec.id) goes to \(member.id), where nothing is free, and \(other.id) could take it")
    }
}

extension NodeLoad {
    var isNothing: Bool { freeMemoryMB == 0 && freeCPU == 0 }
}

extension ClusterState {
    /// Whether as much is free on one of the executor's nodes.
    fileprivate func hasRoom(for wanted: ResourceAllocation, on member: Member) -> Bool {
        let held =
            member.instances.compactMap { instances[$0]?.allocation }
            + strays.values.filter { $0.executor == member.id }.map(\.seen.allocation)
        let topology = member.description.topology
        return topology.nodes.contains { node in
            let there = held.filter { $0.numaNode == node.id }
            let taken = Set(there.flatMap(\.cores))
            let memory = there.reduce(0) { $0 + $1.memoryMB }
            return topology.slots(of: node).count { !taken.contains($0) } >= wanted.cores.count
                && node.memoryMB - memory >= wanted.memoryMB
        }
    }
}
