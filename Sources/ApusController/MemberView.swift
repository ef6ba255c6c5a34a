import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// A member as Drove's clients see an executor, with what is free and used on it.
struct MemberView {
    let member: Member
    /// The required local services for which it takes no other work.
    private let missing: [String]
    private let state: ClusterState

    init(_ member: Member, in state: ClusterState) {
        self.member = member
        missing = state.standingOfServicesAwaited(on: member)
        self.state = state
    }

    var instances: [Instance] { member.instances.compactMap { state.instances[$0] } }

    /// Counts as there for Drove's clients; `presence` says what is true.
    var isActive: Bool { wireState == "ACTIVE" }

    /// All that there are.
    static let wireStates = ["ACTIVE", "BLACKLIST_REQUESTED", "BLACKLISTED", "UNREADY", "REMOVED"]

    var wireState: String {
        switch (member.presence, member.duty) {
        case (.lost, _): "REMOVED"
        case (_, .blacklistRequested), (_, .blacklisted): member.duty.rawValue
        case (_, .suspended), (_, .suspendedAtOnce), (_, .retiring), (.joining, .active): "UNREADY"
        case (.present, .active) where !member.contact.isVerified: "UNREADY"
        case (.present, .active), (.silent, .active): reasons.isEmpty && missing.isEmpty ? "ACTIVE" : "UNREADY"
        }
    }

    private var presence: String {
        switch member.presence {
        case .joining: "JOINING"
        // It is heard, and its port was not reached yet.
        case .present where !member.contact.isVerified: "JOINING"
        case .present: "PRESENT"
        case .silent: "SILENT"
        case .lost: "LOST"
        }
    }

    /// What keeps it from serving now and clears by itself.
    private var reasons: [String] { member.obstacles.texts }

    /// `nil` if nothing does.
    private var troubles: JSON? { reasons.isEmpty ? nil : .array(reasons.map { .string($0) }) }

    /// What fails of it, and why; `nil` if nothing does.
    private var failedChannels: JSON? {
        let failures = member.failures.filter { $0.channel != nil }
        return failures.isEmpty ? nil : .array(failures.map(\.json))
    }

    /// When one was last heard that is not heard now.
    private var lastSeen: JSON? { member.isAbsent ? member.heardAt.json : nil }

    /// How it was, the oldest first; `nil` if nobody wrote it down.
    private var history: JSON? { member.history.entries.isEmpty ? nil : member.history.json }

    /// The containers that it leaves alone; `nil` if there are none.
    private var quarantine: JSON? { member.quarantine.count == 0 ? nil : member.quarantine.json }

    /// What people should know of it though it serves; `nil` if nothing.
    private var warnings: JSON? { member.warnings.isEmpty ? nil : .array(member.warnings.map { .string($0) }) }

    /// What operators want of it, in the engine's own words; `nil` if that is work.
    private var duty: JSON? { member.duty == .active ? nil : .string(member.duty.rawValue) }

    /// What it waits for before it takes other work; `nil` if for nothing.
    private var waitingFor: JSON? { missing.isEmpty ? nil : .array(missing.map { .string($0) }) }

    /// Until when it is not given up, though it is silent; `nil` unless that is later than usual.
    private var lossHeldUntil: JSON? { member.lossHold?.until.json }

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
            "zone": zone, "waitingFor": waitingFor, "lossHeldUntil": lossHeldUntil, "warnings": warnings,
            "quarantined": member.quarantine.count == 0 ? nil : .integer(Int64(member.quarantine.count)),
            "load": member.load?.json, "failedChannels": failedChannels, "lastSeen": lastSeen,
        ])
    }

    /// ExecutorNodeData.
    func details(instances: [InstanceView], serviceInstances: [InstanceView], tasks: [TaskView]) -> JSON {
        let ledger = state.ledger(of: [member.id])
        let nodes = ledger.usage(of: member.id) ?? []
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
            "serviceInstances": .array(serviceInstances.map(\.json)),
            "tags": tags, "metadata": .strings(member.description.metadata), "executorState": .string(wireState),
            "presence": .string(presence), "duty": duty,
            "troubles": troubles, "zone": zone, "quantities": quantities(ledger), "load": member.load?.json,
            "quarantine": quarantine, "sharedMultiplier": sharedMultiplier, "memoryMultiplier": memoryMultiplier,
            "waitingFor": waitingFor, "lossHeldUntil": lossHeldUntil, "warnings": warnings,
            "failedChannels": failedChannels, "lastSeen": lastSeen, "history": history,
        ])
    }

    /// What it offers beside cores and memory, disk say; left out if it offers none.
    private func quantities(_ ledger: Ledger) -> JSON? {
        let offered = member.description.topology.quantities
        guard !offered.isEmpty else { return nil }
        let left = ledger.freeQuantities(of: member.id)
        return .object(
            offered.keys.sorted().map { name in
                let (total, free) = (offered[name] ?? 0, left[name] ?? 0)
                return JSON.Member(
                    name,
                    .members([
                        "total": .integer(total), "used": .integer(total &- free), "free": .integer(max(0, free)),
                    ])
                )
            }
        )
    }

    /// How often each core is handed out; left out where an instance has its cores for itself.
    private var sharedMultiplier: JSON? {
        guard case .shared(let multiplier) = member.description.topology.sharing else { return nil }
        return .integer(Int64(multiplier))
    }

    /// How often each megabyte is handed out; left out where that is once.
    private var memoryMultiplier: JSON? {
        let multiplier = member.description.topology.memoryMultiplier
        return multiplier == 1 ? nil : .integer(Int64(multiplier))
    }

    private func perNode(_ nodes: [NodeUsage], _ value: (NodeUsage) -> JSON) -> JSON {
        .object(nodes.map { JSON.Member("\($0.id)", value($0)) })
    }

    /// The machine's own cores, also where they are shared; `siblings` are threads of one physical core.
    private var layout: JSON {
        let nodes = member.description.topology.nodes
        let siblings = nodes.compactMap { node in node.siblingsJSON.map { JSON.Member("\(node.id)", $0) } }
        return .members([
            "cores": .object(
                nodes.map { JSON.Member("\($0.id)", .array($0.cores.map { .integer(Int64($0)) })) }
            ),
            "memory": .object(nodes.map { JSON.Member("\($0.id)", .integer($0.memoryMB)) }),
            "siblings": siblings.isEmpty ? nil : .object(siblings),
        ])
    }
}
