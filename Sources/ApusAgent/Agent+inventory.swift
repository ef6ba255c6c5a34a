import ApusModel
import OrderedCollections

/// Reconciliation with the containers there are.
///
/// Nothing is removed because it is absent from a list: only a second container of one instance, and one of an
/// instance that has ended or was told to stop.
extension Agent {
    /// An inventory that is not answered in this time is given up.
    static let inventoryPatience = Duration.seconds(60)

    mutating func exitsMissed(at now: Moment) {
        switch inventory {
        case .due: inventory = .due(now)
        case .asked(let number, let at, _): inventory = .asked(number: number, at: at, again: true)
        }
    }

    mutating func askForInventory(_ out: inout Outbox) {
        if case .asked(_, let at, _) = inventory, at + Self.inventoryPatience <= out.now { inventory = .due(out.now) }
        guard case .due(let at) = inventory, at <= out.now else { return }
        forgetOld(&out)
        inventories += 1
        inventory = .asked(number: inventories, at: out.now, again: false)
        out.actions.append(.takeInventory(number: inventories))
    }

    mutating func inventoryFailed(_ reason: String, number: Int, _ out: inout Outbox) {
        guard case .asked(number, _, _) = inventory else { return }
        inventory = .due(out.now + .seconds(1))
        if !isInventoryFailing { out.actions.append(.note(.inventoryFailed(reason: reason))) }
        isInventoryFailing = true
        engineFault = engineFault ?? reason
    }

    mutating func take(_ found: [FoundContainer], number: Int, _ out: inout Outbox) {
        guard case .asked(number, let asked, let again) = inventory else { return }
        inventory = .due(again ? out.now : asked + Self.inventoryInterval)
        isInventoryFailing = false
        engineFault = nil
        var byInstance: [InstanceID: [FoundContainer]] = [:]
        var unknown: [InstanceID] = []
        var aside: [Quarantine.Entry] = []
        noted.formIntersection(found.map(\.container))
        for container in found.sorted(by: { $0.container < $1.container }) {
            switch Self.sound(container, at: out.now) {
            case .damaged(let reason):
                let id = container.container
                // The journal knows better, after a return to an earlier version say.
                if let owner = machines.values.first(where: { $0.container == id })?.id {
                    byInstance[owner, default: []].append(container)
                    continue
                }
                aside.append(Quarantine.Entry(container: id, name: container.name, reason: reason))
                guard noted.insert(id).inserted else { continue }
                out.actions.append(.note(.damaged(id, name: container.name, reason: reason)))
            case .ours(let labels):
                if machines[labels.instance] == nil, byInstance[labels.instance] == nil {
                    unknown.append(labels.instance)
                }
                byInstance[labels.instance, default: []].append(container)
            }
        }
        setAside(Quarantine(aside))
        // One that is not on record would be told of, and be missing from the first full list after a crash: a leader
        // takes that as its end. Once the journal can be written the containers are looked at again.
        let isRecordable = journal.fault == nil
        hasLeftOut = !isRecordable && !unknown.isEmpty
        lookedAt = hasLeftOut ? nil : asked
        if isRecordable {
            for id in unknown { adopt(id, byInstance[id] ?? [], &out) }
        }
        for id in machines.keys {
            update(id, &out) { $0.seen(byInstance[id] ?? [], asked: asked, &$1) }
        }
    }

    private mutating func setAside(_ fresh: Quarantine) {
        guard fresh != quarantine else { return }
        quarantine = fresh
        revision += 1
        quarantinedAt = revision
    }

    /// Its labels, damaged if what they say is more than a leader takes.
    private static func sound(_ container: FoundContainer, at now: Moment) -> FoundContainer.Labels {
        guard case .ours(let labels) = container.labels else { return container.labels }
        let machine = InstanceMachine(adopted: AdoptedInstance(labels, container.container), at: now)
        return machine.report.fault.map { .damaged(reason: $0) } ?? .ours(labels)
    }

    /// Takes in a container that the journal does not know; the leader decides what becomes of it.
    private mutating func adopt(_ id: InstanceID, _ found: [FoundContainer], _ out: inout Outbox) {
        guard let own = InstanceMachine.own(among: found, recorded: nil), case .ours(let labels) = own.labels else {
            return
        }
        let adopted = AdoptedInstance(labels, own.container)
        var machine = InstanceMachine(adopted: adopted, at: out.now)
        stamp(&machine, out)
        machines[id] = machine
        out.records.append(.adopted(adopted))
        out.actions.append(.note(.adopted(id, own.container)))
        guard let tombstone = tombstones.removeValue(forKey: id) else { return }
        // Told to stop before it was known.
        out.records.append(.stopTold(id, tombstone.reason, at: tombstone.at))
        machines[id]?.stopTold = tombstone.reason
        machines[id]?.cause = .stopped(tombstone.reason)
    }

    /// It could not be put on record: the next look finds it again.
    mutating func unadopt(_ id: InstanceID, _ out: Outbox) {
        guard let machine = machines.removeValue(forKey: id) else { return }
        (lookedAt, hasLeftOut) = (nil, true)
        guard let reason = machine.stopTold else { return }
        tombstones[id] = Tombstone(reason: reason, at: out.times.wall)
    }
}
