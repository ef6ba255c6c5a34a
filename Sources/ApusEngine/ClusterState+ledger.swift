package import ApusModel
package import ApusPlacement
import HashTreeCollections

/// The ledger as readers see it: made anew from a committed snapshot, never the leader's own.
extension ClusterState {
    /// Whom an instance of that owner counts with where a policy limits or spreads.
    package func group(of owner: Owner) -> PlacementGroup {
        guard case .application(let app) = owner else { return owner.placementGroup(name: nil) }
        return owner.placementGroup(name: applications[app]?.spec.name)
    }

    /// What an owner asks for; `nil` if it is unknown.
    package func workload(of owner: Owner) -> Workload? {
        switch owner {
        case .application(let app): applications[app].map { .application($0.spec) }
        case .task(let task): tasks[task].map { .task($0.spec) }
        case .localService(let service): localServices[service].map { .localService($0.spec) }
        }
    }

    /// What an instance of it holds of its executor beside cores and memory.
    package func quantities(of owner: Owner) -> [String: Int64] { workload(of: owner)?.resources.quantities ?? [:] }

    /// Records in the ledger what an instance holds.
    func hold(
        _ instance: InstanceID,
        of owner: Owner,
        _ allocation: ResourceAllocation,
        on executor: ExecutorID,
        in ledger: inout Ledger
    ) {
        let quantities = quantities(of: owner)
        _ = ledger.hold(instance, of: group(of: owner), allocation, quantities: quantities, on: executor)
    }

    /// Who offers what, and who holds what of it; costs a moment for each executor and instance.
    package func ledger() -> Ledger { ledger(of: members.keys.sorted()) }

    /// That of some executors alone.
    package func ledger(of executors: [ExecutorID]) -> Ledger {
        var ledger = Ledger()
        ledger.defaultSpread = facts.spread
        for id in executors {
            guard let member = members[id] else { continue }
            ledger.offer(id, topology: member.description.topology, traits: member.traits)
            ledger.setLoad(id, member.load.map(HostLoad.init))
            for instance in member.instances {
                guard let instance = instances[instance] else { continue }
                hold(instance.id, of: instance.owner, instance.allocation, on: id, in: &ledger)
            }
        }
        for id in strays.keys.sorted() {
            guard let stray = strays[id] else { continue }
            hold(id, of: stray.owner, stray.seen.allocation, on: stray.executor, in: &ledger)
        }
        reserve(in: &ledger)
        // Last: what is held on a closed executor is held all the same.
        for id in executors {
            if let member = members[id] { ledger.setAdmission(id, member.admission) }
        }
        return ledger
    }

    /// Keeps the places of local services that may not start yet.
    private func reserve(in ledger: inout Ledger) {
        for service in localServices.values.sorted(by: { $0.id < $1.id }) {
            for executor in service.reserved.keys.sorted() where ledger.admission(of: executor) != nil {
                for id in service.reserved[executor] ?? [] {
                    _ = ledger.place(PlacementRequest(id, of: service.spec, on: executor), tieBreak: 0)
                }
            }
        }
    }
}

extension HostLoad {
    init(_ load: NodeLoad) {
        self.init(freeMemoryMB: load.freeMemoryMB, freeCPU: Double(load.freeCPU) / 1000)
    }
}
