package import ApusModel
import OrderedCollections

/// An executor's mind: its instances, its journal, its reports.
///
/// No I/O, no clock; it never throws.
///
/// `AgentTurn` runs it; see there for what must happen between two steps.
package struct Agent: Sendable {
    /// A STOP came for an id that was not known: a START for it that comes later does nothing.
    struct Tombstone: Hashable {
        var reason: StopReason
        var at: WallTime
    }

    /// What the last write would have made true; undone if it fails.
    struct Doubt {
        var accepted: InstanceID?
        /// Containers the journal did not know.
        var adopted: [InstanceID] = []
        var ended: [InstanceID] = []
        var recorded: Fence?
        var isRewrite = false
    }

    struct Journal {
        /// The last write failed, so the file may lack or tear anything after the last good one: only a rewrite helps.
        var fault: String?
        /// When the whole journal is to be written anew; `nil` if it need not.
        var rewriteAt: Moment?
        var doubt: Doubt?
        /// Records since the last rewrite.
        var length = 0
    }

    enum Inventory {
        case due(Moment)
        /// `again`: exits were missed after it had been asked for.
        case asked(number: Int, at: Moment, again: Bool)
    }

    /// How long an ended id is kept after its end was committed, and a tombstone: no START is under way for so long.
    package static let retention = Duration.seconds(3600)
    package static let heartbeat = Duration.seconds(2)
    package static let inventoryInterval = Duration.seconds(10)

    package let identity: NodeIdentity
    package internal(set) var description: NodeDescription
    /// The revision at which it last changed.
    var describedAt: Int64 = 0
    /// When a leader that can commit last answered; `nil` before the first.
    package internal(set) var lastAnsweredByCommittingLeader: Moment?
    /// The highest fence in the journal; `nil` before the first.
    package internal(set) var fence: Fence?

    /// The highest fence taken: above `fence` while the journal cannot be written.
    var highest: Fence?
    var machines: OrderedDictionary<InstanceID, InstanceMachine> = [:]
    var tombstones: OrderedDictionary<InstanceID, Tombstone> = [:]
    package internal(set) var revision: Int64 = 1
    var journal = Journal()
    var inventory: Inventory
    var inventories = 0
    /// When the last look at the containers that succeeded was asked for; `nil` before the first, and when one was left
    /// out because it could not be put on record.
    var lookedAt: Moment?
    /// The last look has left one out.
    var hasLeftOut = false
    var isInventoryFailing = false
    /// The first reason why the container engine does not answer; `nil` when it does.
    var engineFault: String?
    /// Why the state directory cannot be written; `nil` when it can.
    var storageFault: String?
    var clock = LeaderClock()
    /// Damaged containers that were already noted.
    var noted: Set<ContainerID> = []
    /// What the last look at the containers left alone.
    package internal(set) var quarantine = Quarantine()
    /// The revision at which that last changed.
    var quarantinedAt: Int64 = 0
    var reports: Reports
    let begun: Moment
    var leadership = Leadership.unproven
    var lastAttempt = 0

    /// Starts from what the journal holds; the first `step` (a `.tick`) asks for the first inventory and reports.
    package init(
        identity: NodeIdentity,
        description: NodeDescription,
        replaying records: [JournalRecord],
        at times: Times
    ) {
        self.identity = identity
        self.description = description
        inventory = .due(times.now)
        begun = times.now
        reports = Reports(next: times.now)
        for record in records { replay(record, at: times) }
        journal.length = records.count
        highest = fence
    }

    /// Whether it knows all containers that there are.
    package var hasSeenAll: Bool { lookedAt != nil }

    /// Every instance it knows, as it would be reported.
    package var instances: [InstanceReport] { machines.values.map(\.report) }

    /// The states of the instances that changed after that revision.
    package func states(changedAfter revision: Int64) -> [(id: InstanceID, owner: Owner, state: InstanceState)] {
        machines.values.lazy.filter { $0.revision > revision }.map { ($0.id, $0.owner, $0.state) }
    }

    /// When the next `.tick` is wanted.
    package var nextDeadline: Moment? {
        var deadline = reports.deadline
        switch inventory {
        case .due(let at): deadline = min(deadline, at)
        case .asked(_, let at, _): deadline = min(deadline, at + Self.inventoryPatience)
        }
        if let leaderlessAt { deadline = min(deadline, leaderlessAt) }
        if let rewriteAt = journal.rewriteAt { deadline = min(deadline, rewriteAt) }
        // By index: after every event all are looked at, and none is copied.
        for index in machines.values.indices {
            if let wakeAt = machines.values[index].wakeAt { deadline = min(deadline, wakeAt) }
        }
        return deadline
    }

    /// Takes one event and says what is to be done about it, in order.
    package mutating func step(_ event: AgentEvent, at times: Times) -> [AgentAction] {
        var out = Outbox(times: times, leadership: leadership, lastAttempt: lastAttempt)
        let doubt: Doubt
        if case .recordFailed(let held, let reason) = event {
            doubt = Doubt()
            recordFailed(held, reason, &out)
        } else {
            recordSucceeded(&out)
            doubt = take(event, &out)
        }
        let write = journalWrite(after: event, doubt, out)
        report(&out)
        lastAttempt = out.lastAttempt
        return Self.ordered(write, out)
    }

    /// Anything but the failure of a write, and then what is due.
    private mutating func take(_ event: AgentEvent, _ out: inout Outbox) -> Doubt {
        var doubt = Doubt(recorded: fence)
        watchLeadership(&out)
        switch event {
        case .command(let command, let reply): doubt.accepted = take(command, reply, &out)
        case .outcome(let id, let attempt, let outcome):
            hear(outcome, of: id, &out)
            update(id, &out) { $0.outcome(outcome, attempt: attempt, &$1) }
        case .progress(let id, let attempt, let text):
            update(id, &out) { machine, _ in machine.progressed(text, attempt: attempt) }
        case .containerExited(let container, let code, let outOfMemory):
            guard let id = machines.values.first(where: { $0.container == container })?.id else { break }
            let exit = InstanceMachine.Exit(container: container, code: code, outOfMemory: outOfMemory)
            update(id, &out) { $0.exited(exit, &$1) }
        case .exitsMissed: exitsMissed(at: out.now)
        case .described(let description): describe(description)
        case .storageTried(let fault): storageFault = fault.map { storageFault ?? $0 }
        case .inventory(let found, let number): take(found, number: number, &out)
        case .inventoryFailed(let reason, let number): inventoryFailed(reason, number: number, &out)
        case .reportAnswered(let answer, let number): take(answer, number: number, &out)
        case .reportFailed(let number): reportFailed(number: number, at: out.now)
        case .tick, .recordFailed: break
        }
        watchLeadership(&out)
        wakeWhatIsDue(&out)
        if out.wantsInventory { exitsMissed(at: out.now) }
        askForInventory(&out)
        return doubt
    }

    /// Changes one instance; what shows of it makes a new revision, its end a record.
    mutating func update(
        _ id: InstanceID,
        _ out: inout Outbox,
        _ change: (inout InstanceMachine, inout Outbox) -> Void
    ) {
        guard var machine = machines[id] else { return }
        let (face, hadEnded) = (machine.face, machine.hasEnded)
        change(&machine, &out)
        if machine.face != face { stamp(&machine, out) }
        if machine.hasEnded, !hadEnded { out.records.append(.ended(machine.lastReport)) }
        machines[id] = machine
    }

    mutating func stamp(_ machine: inout InstanceMachine, _ out: Outbox) {
        revision += 1
        machine.revision = revision
        machine.updated = out.times.wall
    }

    private mutating func wakeWhatIsDue(_ out: inout Outbox) {
        for index in machines.values.indices {
            guard let wakeAt = machines.values[index].wakeAt, wakeAt <= out.now else { continue }
            update(machines.keys[index], &out) { $0.wake(&$1) }
        }
    }
}
