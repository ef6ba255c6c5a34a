import ApusEngine
import ApusModel
import HashTreeCollections

/// An expected count that is a share is always that share of what the machines can hold.
extension Oracle {
    /// Looked at when all that was touched is decided.
    mutating func checkShares(_ state: ClusterState, _ executors: [SimulatedExecutor]) {
        for application in state.applications.values {
            guard let share = application.share, application.rolledOutTo == nil else { continue }
            let room = executors.reduce(0) { $0 + Self.room(for: application, share, on: $1, state) }
            let count = min(max(room * share.hundredths / 10_000, share.least), share.most)
            guard count != application.expected else { continue }
            violated(
                "\(application.id) expects \(application.expected), and its share of \(share.json.serialized) is \(count)"
            )
        }
    }

    /// How many of its instances that machine could hold if it had nothing else, as long as it counts.
    private static func room(
        for application: Application,
        _ share: CapacityShare,
        on host: SimulatedExecutor,
        _ state: ClusterState
    ) -> Int {
        guard let member = state.members[host.identity.id], !member.isLost, member.duty == .active,
            // It has said what it is.
            !member.description.topology.nodes.isEmpty
        else { return 0 }
        let topology = host.description.topology
        let resources = application.spec.resources
        let most =
            switch share.measure {
            case .cores: topology.nodes.reduce(0) { $0 + topology.slots(of: $1).count / resources.cores }
            case .memory: topology.nodes.reduce(0) { $0 + Int($1.memoryMB / resources.memoryMB) }
            case .quantity(let name): Int(topology.quantities[name] ?? 0)
            }
        let policy = application.spec.placementPolicy ?? .any
        return (0..<most).prefix { policy.permits(member, with: $0) }.count
    }
}
