import ApusEngine
import ApusModel
import HashTreeCollections

/// What executors and instances use now; an addition of Apus.
extension Handling {
    /// Executors by their last reports, instances as their executors answer.
    func usage() async -> APIAnswer {
        let members = state.members.values.sorted { ($0.hostname, $0.port, $0.id) < ($1.hostname, $1.port, $1.id) }
        let asked = members.filter { $0.presence == .present || $0.presence == .joining }
        let answers: [ExecutorID: UsageDesk.Answer]
        do {
            answers = try await api.usage.answers(
                of: Dictionary(asked.map { ($0.id, $0.baseURL) }) { first, _ in first }
            )
        } catch {
            return .failed(503, "The caller has left", retryAfter: 1)
        }
        let instances = members.flatMap { member in
            // Each speaks for its own alone.
            let used = answers[member.id]?.used ?? [:]
            return member.instances.compactMap { state.instances[$0] }
                .sorted { ($0.created, $0.id) < ($1.created, $1.id) }
                .map { json(of: $0, on: member, used[$0.id]) }
        }
        return .success(
            .members([
                "executors": .array(members.map { json(of: $0, answers[$0.id]) }), "instances": .array(instances),
            ])
        )
    }

    private func json(of member: Member, _ answer: UsageDesk.Answer?) -> JSON {
        let view = MemberView(member, in: state)
        return .members([
            "executorId": member.id.json, "hostname": .string(member.hostname),
            "port": .integer(Int64(member.port)), "state": .string(view.wireState),
            "processors": member.load?.processors.map { .integer(Int64($0)) },
            "cpu": member.load?.usedCPU.map(JSON.integer),
            "memoryMB": member.load?.usedMemoryMB.map(JSON.integer),
            "totalMemoryMB": member.load?.totalMemoryMB.map(JSON.integer),
            "unmeasured": trouble(of: member, answer).map { .string($0) },
        ])
    }

    /// Why nothing is known of its instances; `nil` if it is.
    private func trouble(of member: Member, _ answer: UsageDesk.Answer?) -> String? {
        switch (member.presence, answer) {
        case (.lost(let since), _): "away since \(since.utc)"
        case (.silent, _): "silent since \(member.heardAt.utc)"
        case (_, .silent(let reason)?): reason
        case (_, .measured?): nil
        case (_, nil): "not asked yet"
        }
    }

    private func json(of instance: Instance, on member: Member, _ usage: InstanceUsage?) -> JSON {
        .members([
            "instanceId": instance.id.json, "type": .string(instance.owner.typeName),
            "owner": .string(instance.owner.plainName), "executorId": member.id.json,
            "hostname": .string(member.hostname), "state": .string(instance.shownState.rawValue),
            "cores": .integer(Int64(instance.allocation.cores.count)),
            "allocatedMemoryMB": .integer(instance.allocation.memoryMB), "cpu": usage?.cpu.map(JSON.integer),
            "memoryBytes": usage?.memoryBytes.map(JSON.integer),
            "ageMilliseconds": usage?.ageMilliseconds.map(JSON.integer),
        ])
    }
}

extension Owner {
    fileprivate var typeName: String {
        switch self {
        case .application: "APPLICATION"
        case .task: "TASK"
        case .localService: "LOCAL_SERVICE"
        }
    }

    fileprivate var plainName: String {
        switch self {
        case .application(let id): id.rawValue
        case .task(let id): id.rawValue
        case .localService(let id): id.rawValue
        }
    }
}

extension UsageDesk.Answer {
    fileprivate var used: [InstanceID: InstanceUsage] {
        guard case .measured(let usages) = self else { return [:] }
        return Dictionary(usages.map { ($0.instance, $0) }) { $1 }
    }
}

extension NodeLoad {
    /// In thousandths of a core; `nil` if nobody said how many there are.
    fileprivate var usedCPU: Int64? { processors.map { max(0, Int64($0) * 1_000 - Int64(freeCPU)) } }
    fileprivate var usedMemoryMB: Int64? { totalMemoryMB.map { max(0, $0 - freeMemoryMB) } }
}
