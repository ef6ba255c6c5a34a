import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// A member as Drove's clients see an executor, with what is free and used on it.
struct MemberView {
    let member: Member
    private let state: ClusterState

    init(_ member: Member, in state: ClusterState) {
        self.member = member
        self.state = state
    }

    var instances: [Instance] { member.instances.compactMap { state.instances[$0] } }

    /// By NUMA node; looks at every instance, so for one executor only.
    private var nodes: [NodeUsage] {
        var ledger = Ledger()
        ledger.offer(member.id, topology: member.description.topology, traits: HostTraits(hostname: member.hostname))
        for instance in instances {
            let group = instance.owner.placementGroup(name: nil)
            _ = ledger.hold(instance.id, of: group, instance.allocation, on: member.id)
        }
        return ledger.usage(of: member.id) ?? []
    }

    /// Counts as there for Drove's clients; `presence` says what is true.
    var isActive: Bool { wireState == "ACTIVE" }

    private var wireState: String {
        switch (member.presence, member.duty) {
        case (.lost, _): "REMOVED"
        case (_, .blacklistRequested), (_, .blacklisted): member.duty.rawValue
        case (_, .suspended), (_, .suspendedAtOnce), (_, .retiring), (.joining, .active): "UNREADY"
        case (.present, .active), (.silent, .active): reasons.isEmpty ? "ACTIVE" : "UNREADY"
        }
    }

    private var presence: String {
        switch member.presence {
        case .joining: "JOINING"
        case .present: "PRESENT"
        case .silent: "SILENT"
        case .lost: "LOST"
        }
    }

    /// What keeps it from serving now and clears by itself.
    private var reasons: [String] { member.troubles + (member.unreachable.map { [$0] } ?? []) }

    /// `nil` if nothing does.
    private var troubles: JSON? { reasons.isEmpty ? nil : .array(reasons.map { .string($0) }) }

    /// What operators want of it, in the engine's own words; `nil` if that is work.
    private var duty: JSON? { member.duty == .active ? nil : .string(member.duty.rawValue) }

    /// Left out if nobody said where it stands.
    private var zone: JSON? { member.description.zone.map { .string($0) } }

    /// A machine's name is one of its tags.
    private var tags: JSON {
        let tags = member.description.tags
        return .array((tags.contains(member.hostname) ? tags : tags + [member.hostname]).map { .string($0) })
    }

    /// ExecutorSummary; `executorId` comes first because a client prints the columns in key order.
    var summary: JSON {
        .members([
            "executorId": member.id.json, "hostname": .string(member.hostname),
            "port": .integer(Int64(member.port)), "transportType": .string(member.transport.rawValue),
            "freeCores": .integer(Int64(member.usage.freeCores)), "usedCores": .integer(Int64(member.usage.usedCores)),
            "freeMemory": .integer(member.usage.freeMemoryMB), "usedMemory": .integer(member.usage.usedMemoryMB),
            "tags": tags,
            "state": .string(wireState), "presence": .string(presence), "duty": duty, "troubles": troubles,
            "zone": zone,
        ])
    }

    /// ExecutorNodeData.
    func details(instances: [InstanceView], tasks: [TaskView]) -> JSON {
        let nodes = nodes
        return .members([
            "type": "EXECUTOR", "hostname": .string(member.hostname), "port": .integer(Int64(member.port)),
            "transportType": .string(member.transport.rawValue), "updated": member.heardAt.json,
            "state": .members([
                "executorId": member.id.json,
                "cpus": .members([
                    "type": "CPU", "freeCores": perNode(nodes) { .array($0.freeCores.map { .integer(Int64($0)) }) },
                    "usedCores": perNode(nodes) { .array($0.usedCores.map { .integer(Int64($0)) }) },
                ]),
                "memory": .members([
                    "type": "MEMORY", "freeMemory": perNode(nodes) { .integer($0.freeMemoryMB) },
                    "usedMemory": perNode(nodes) { .integer($0.usedMemoryMB) },
                ]),
                "layout": layout,
            ]),
            "instances": .array(instances.map(\.json)), "tasks": .array(tasks.map(\.json)),
            "serviceInstances": .array([]),
            "tags": tags, "metadata": .strings(member.description.metadata), "executorState": .string(wireState),
            "presence": .string(presence), "duty": duty,
            "troubles": troubles, "zone": zone,
        ])
    }

    private func perNode(_ nodes: [NodeUsage], _ value: (NodeUsage) -> JSON) -> JSON {
        .object(nodes.map { JSON.Member("\($0.id)", value($0)) })
    }

    /// The machine's own cores, also where they are shared.
    private var layout: JSON {
        let nodes = member.description.topology.nodes
        return .members([
            "cores": .object(
                nodes.map { JSON.Member("\($0.id)", .array($0.cores.map { .integer(Int64($0)) })) }
            ),
            "memory": .object(nodes.map { JSON.Member("\($0.id)", .integer($0.memoryMB)) }),
        ])
    }
}
