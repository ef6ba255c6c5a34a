import ApusModel
import OrderedCollections

/// What the journal keeps, and what becomes of the agent when it cannot.
extension Agent {
    /// The smallest journal that replays to the same.
    package func compacted() -> [JournalRecord] {
        var records: [JournalRecord] = []
        for machine in machines.values { records += Self.records(of: machine) }
        for (id, tombstone) in tombstones { records.append(.stopTold(id, tombstone.reason, at: tombstone.at)) }
        if let highest { records.append(.fence(highest)) }
        return records
    }

    private static func records(of machine: InstanceMachine) -> [JournalRecord] {
        let id = machine.id
        if machine.hasEnded {
            return [.ended(machine.lastReport)] + (machine.settledAt.map { [.settled(id, at: $0)] } ?? [])
        }
        var records: [JournalRecord] = []
        if let spec = machine.spec {
            records.append(.accepted(spec, created: machine.created, epoch: machine.epoch))
            if let container = machine.container { records.append(.container(id, container, machine.ports)) }
        } else if let container = machine.container {
            records.append(
                .adopted(
                    AdoptedInstance(
                        id: id,
                        owner: machine.owner,
                        appName: machine.appName,
                        allocation: machine.allocation,
                        ports: machine.ports,
                        container: container,
                        created: machine.created
                    )
                )
            )
        }
        if machine.restarts > 0 {
            let (count, error) = (machine.restarts, machine.restartError)
            records.append(.restarting(id, count: count, error: error, at: machine.restartedAt))
        }
        if machine.isTask, let cause = machine.cause, case .exited = cause {
            records.append(.completed(id, cause, error: machine.error))
        }
        if let reason = machine.stopTold { records.append(.stopTold(id, reason, at: machine.updated)) }
        return records
    }

    /// What no leader would take a report of is left out: it was written before that was looked at.
    mutating func replay(_ record: JournalRecord, at times: Times) {
        switch record {
        case .fence(let read):
            fence = max(fence ?? read, read)
        case .accepted(let spec, let created, let epoch):
            guard machines[spec.id] == nil, Self.fault(of: spec) == nil else { return }
            machines[spec.id] = InstanceMachine(starting: spec, epoch: epoch, created: created, at: times.now)
        case .adopted(let adopted):
            // The record that it was told to stop may not have followed.
            let tombstone = tombstones.removeValue(forKey: adopted.id)
            var machine = InstanceMachine(adopted: adopted, at: times.now)
            guard machines[adopted.id] == nil, machine.report.fault == nil else { return }
            machine.stopTold = tombstone?.reason
            machine.cause = tombstone.map { .stopped($0.reason) }
            machines[adopted.id] = machine
        case .stopTold(let id, let reason, let at):
            guard machines[id] != nil else {
                tombstones[id] = Tombstone(reason: reason, at: at)
                return
            }
            machines[id]?.stopTold = reason
            if machines[id]?.cause == nil { machines[id]?.cause = .stopped(reason) }
        case .container(let id, let container, let ports):
            machines[id]?.container = container
            machines[id]?.ports = ports
        case .restarting(let id, let count, let error, let at):
            machines[id]?.restarts = count
            machines[id]?.restartError = error
            machines[id]?.restartedAt = at
        case .completed(let id, let cause, let error):
            guard machines[id]?.cause == nil else { return }
            machines[id]?.cause = cause
            machines[id]?.error = error
            machines[id]?.failedState = .runCompleted
        case .ended(let report):
            tombstones[report.id] = nil
            let machine = InstanceMachine(ended: report, at: times.now)
            machines[report.id] = machine.report.fault == nil ? machine : nil
        case .settled(let id, let at):
            machines[id]?.settledAt = at
        case .forgotten(let id):
            machines[id] = nil
            tombstones[id] = nil
        }
    }

    /// Drops what nobody will ask for again, and has the journal written anew when most of it is history.
    mutating func forgetOld(_ out: inout Outbox) {
        let wall = out.times.wall
        func isOld(_ time: WallTime) -> Bool {
            time.milliseconds <= wall.milliseconds - Self.retention.milliseconds
        }
        bringBackFromTheFuture(&out)
        for machine in machines.values where machine.hasEnded && machine.leftovers.isEmpty {
            guard let settledAt = machine.settledAt, isOld(settledAt) else { continue }
            // The civil clock may jump: what is left of it must have been looked for.
            guard case .ended(let since) = machine.phase, let lookedAt, since <= lookedAt else { continue }
            machines[machine.id] = nil
            out.facts.append(.forgotten(machine.id))
        }
        for (id, tombstone) in tombstones where isOld(tombstone.at) {
            tombstones[id] = nil
            out.facts.append(.forgotten(id))
        }
        // At most six records are kept of an instance, so a good part of such a journal is history.
        if journal.length > 1000 + 8 * (machines.count + tombstones.count), journal.rewriteAt == nil {
            journal.rewriteAt = out.now
        }
    }

    /// The civil clock stood ahead when it was read: from then on nothing would be old for as long as it did.
    private mutating func bringBackFromTheFuture(_ out: inout Outbox) {
        let wall = out.times.wall
        for id in machines.keys {
            guard let settledAt = machines[id]?.settledAt, wall < settledAt else { continue }
            machines[id]?.settledAt = wall
            out.facts.append(.settled(id, at: wall))
        }
        for (id, tombstone) in tombstones where wall < tombstone.at {
            tombstones[id]?.at = wall
            out.facts.append(.stopTold(id, tombstone.reason, at: wall))
        }
    }

    /// Takes a fence into what this step records.
    mutating func raise(to fence: Fence, _ out: inout Outbox) {
        guard highest.map({ $0 < fence }) ?? true else { return }
        highest = fence
        self.fence = fence
        out.records.append(.fence(fence))
    }

    /// The write this step needs, if any; a damaged journal is only ever written anew, whole.
    mutating func journalWrite(after event: AgentEvent, _ doubt: Doubt, _ out: Outbox) -> AgentAction? {
        // What the failed one said is in the next rewrite; trying at once would hold up what is released now.
        if case .recordFailed = event { return nil }
        let records = out.records + out.facts
        let isRewriteDue = journal.rewriteAt.map { $0 <= out.now } ?? false
        guard !records.isEmpty || isRewriteDue else { return nil }
        var doubt = doubt
        for case .ended(let report) in out.records { doubt.ended.append(report.id) }
        for case .adopted(let adopted) in out.records { doubt.adopted.append(adopted.id) }
        guard isRewriteDue || journal.fault != nil else {
            journal.doubt = doubt
            journal.length += records.count
            return .record(records)
        }
        let compacted = compacted()
        doubt.isRewrite = true
        journal.doubt = doubt
        journal.rewriteAt = out.now
        journal.length = compacted.count
        fence = highest
        return .rewrite(compacted)
    }

    static func ordered(_ write: AgentAction?, _ out: Outbox) -> [AgentAction] {
        guard let write else { return out.actions }
        if case .record = write, out.records.isEmpty { return out.actions + [write] }
        return [write] + out.actions
    }

    /// Any event but a failure means that the last write is durable.
    mutating func recordSucceeded(_ out: inout Outbox) {
        guard let doubt = journal.doubt else { return }
        journal.doubt = nil
        guard doubt.isRewrite else { return }
        journal.rewriteAt = nil
        guard journal.fault != nil else { return }
        journal.fault = nil
        out.actions.append(.note(.journalWritable))
        // For containers that could not be put on record.
        exitsMissed(at: out.now)
        for id in machines.keys where machines[id]?.isEndRecorded == false {
            update(id, &out) { machine, _ in machine.isEndRecorded = true }
        }
    }

    /// What could not be recorded has not happened, unless a crash comes first and it turns out to be on the disk.
    ///
    /// A START is not taken, and is not refused either. A found container is not taken in. An end is none yet. All else
    /// goes on, and the journal is written anew in a second: from then on it is known what counts.
    mutating func recordFailed(_ held: [AgentAction], _ reason: String, _ out: inout Outbox) {
        guard let doubt = journal.doubt else { return }
        journal.doubt = nil
        fence = doubt.recorded
        if journal.fault == nil { out.actions.append(.note(.journalUnwritable(reason: reason))) }
        journal.fault = journal.fault ?? reason
        journal.rewriteAt = out.now + .seconds(1)
        if let id = doubt.accepted { machines[id] = nil }
        for id in doubt.adopted { unadopt(id, out) }
        for id in doubt.ended { update(id, &out) { machine, _ in machine.isEndRecorded = false } }
        let undone = Set(doubt.adopted + (doubt.accepted.map { [$0] } ?? []))
        for action in held where action.instance.map(undone.contains) != true { release(action, doubt, reason, &out) }
    }

    /// What becomes of an action whose record is not durable, and not surely gone.
    ///
    /// Nothing is told that a crash could make untrue: a START that was refused could still be on the disk, and so could
    /// one whose STOP was answered as of something that never was here. Who asked asks again.
    private mutating func release(_ action: AgentAction, _ doubt: Doubt, _ reason: String, _ out: inout Outbox) {
        switch action {
        case .perform(let id, let attempt, .start) where machines[id]?.isTask == true,
            .perform(let id, let attempt, .remove) where machines[id]?.isTask == true:
            // A task that is not on record could run twice, and its result be lost.
            let failure = JobFailure(.engineAway, reason: "the executor cannot write its journal: \(reason)")
            update(id, &out) { $0.outcome(.failed(failure), attempt: attempt, &$1) }
        case .answer(let reply, .accepted(let report?)) where doubt.accepted == nil:
            out.actions.append(.answer(reply: reply, machines[report.id].map { .accepted($0.report) }))
        case .answer(let reply, _): out.actions.append(.answer(reply: reply, nil))
        case .report:
            // It told what is not on disk; a new one is made.
            reports.flight = nil
            reports.next = out.now
        default: out.actions.append(action)
        }
    }
}

extension AgentAction {
    /// The instance this does something about; `nil` for what goes to others.
    fileprivate var instance: InstanceID? {
        switch self {
        case .perform(let id, _, _), .cancel(let id, _), .note(.adopted(let id, _)), .note(.duplicate(let id, _)),
            .note(.leftover(let id, _)), .note(.startedAgain(let id, _, _)):
            id
        case .record, .rewrite, .answer, .report, .takeInventory, .note: nil
        }
    }
}
