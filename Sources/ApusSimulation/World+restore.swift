import ApusEngine
import ApusModel
import HashTreeCollections

/// The store is put back to what it held some time ago, as after the loss of it.
extension World {
    /// What is exported now is imported later, in some runs.
    mutating func planRestore() {
        guard chances.profile.hits(250) else { return }
        let exported = chances.profile.milliseconds(20_000...400_000)
        agenda.add(.storeExported, after: exported)
        agenda.add(.storeRestored, after: exported + chances.profile.milliseconds(2000...120_000))
    }

    mutating func exportStore() { exported = controller.store }

    /// All controllers are stopped, the export imported with a greater epoch than its own, and one started again.
    mutating func restoreStore() {
        guard let exported, !isCalm else { return }
        met(.storeRestored)
        note("the store is restored")
        if controller.process != nil {
            controller.process = nil
            replaceController()
        }
        controller.deposed = nil
        controller.store.restore(exported, isConfirmed: plan.sabotage == .restorationConfirmed)
        underWay = [:]
        for record in controller.store.all {
            let json = controller.store.json(record.key)
            if let work = Work(of: json, record.key.kind) { underWay[work, default: 0] += 1 }
        }
        oracle.restored(controller.store)
    }

    /// An executor has obeyed a greater epoch than the leader's, who takes over anew with one above it.
    mutating func raiseEpoch(above met: Epoch) {
        self.met(.epochRaised)
        note("the epoch is raised above \(met)")
        endCommit()
        controller.store.epoch = max(controller.store.epoch, met)
        controller.process = nil
        controller.delayed = []
        controller.goneSince = agenda.now
        agenda.add(.controllerStarts, after: .milliseconds(5))
    }
}

extension SimulatedStore {
    /// Holds what an export held, under an epoch that is greater than its own: of the leaders since it knows nothing.
    mutating func restore(_ export: SimulatedStore, isConfirmed: Bool) {
        self = export
        let epoch = acquireEpoch()
        let key = RecordKey(.cluster, "facts")
        let restoration = JSON.members(["epoch": .integer(epoch), "confirmed": .bool(isConfirmed)])
        var members: [JSON.Member] = [
            JSON.Member("schema", 1), JSON.Member("mode", "NORMAL"), JSON.Member("changed", 0),
        ]
        if case .object(let held)? = json(key) { members = held.filter { $0.key != "restoration" } }
        let facts = JSON.object(members + [JSON.Member("restoration", restoration)])
        _ = apply(Batch(epoch: epoch, writes: [.put(key, facts.bytes)]))
    }
}

/// What must hold after the store was restored.
extension Oracle {
    /// What is stored now is what was promised; what was placed since may run, and nobody may stop it unasked.
    mutating func restored(_ store: SimulatedStore) {
        requests.restored(store)
        tasks.restored(store, placed: Set(taskPlaces.keys))
        services.restored(store)
        spread.loaded(store)
        histories.restored()
        givenUp.merge(live) { $1 }
        (live, over, taskPlaces) = ([:], [], [:])
        restoration = (store.epoch, false)
        epoch = store.epoch
    }

    mutating func confirmed(at now: Moment) {
        restoration?.isConfirmed = true
        confirmedAt = now
    }

    mutating func checkRestored(_ command: NodeCommand, _ state: ClusterState) {
        guard let restoration else { return }
        let instance = state.instances[command.instance]
        switch command.order {
        case .start(let spec):
            guard let instance, instance.epoch < restoration.epoch else { return }
            violated("\(spec.id), placed before the store was restored, is started again")
        case .stop(let id, .unknown), .stop(let id, .surplus):
            guard !restoration.isConfirmed else { return }
            violated("\(id) is stopped before the restored state was confirmed")
        case .stop(_, .killed), .stop(_, .lost): return
        case .stop(let id, let reason):
            guard !restoration.isConfirmed, let instance else { return }
            let orders = [ordered(instance.owner, state), state.members[instance.executor]?.dutyOrdered ?? 0]
            guard orders.allSatisfy({ $0 < restoration.epoch }) else { return }
            violated("\(id) is stopped (\(reason.rawValue)) for what was asked for before the store was restored")
        }
    }

    /// Under which epoch it was last asked for.
    private func ordered(_ owner: Owner, _ state: ClusterState) -> Epoch {
        switch owner {
        case .application(let app): state.applications[app]?.ordered ?? .max
        case .localService(let service): state.localServices[service]?.ordered ?? .max
        case .task: .max
        }
    }
}
