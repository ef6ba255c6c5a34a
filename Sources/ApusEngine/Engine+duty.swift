import ApusModel
import ApusPlacement
import HashTreeCollections

/// What operators ask of executors, and how it comes about: compared with what is there in every turn, so that it goes
/// on under any leader.
extension Engine {
    /// So many tasks are named in a refusal.
    private static let mostTasksNamed = 100

    mutating func order(_ order: DutyOrder, _ selection: ExecutorSelection, at times: Times) -> CommandOutcome {
        guard !isInMaintenance else { return .refused([ClusterFacts.maintenanceText]) }
        let (chosen, unknown, nobody) = state.members(in: selection)
        guard nobody.isEmpty else { return .refused(nobody) }
        var change = DutyChange()
        change.failed = unknown.map { DutyChange.Failure(executor: $0, reason: "is not known") }
        var duties: [(ExecutorID, Duty)] = []
        for member in chosen {
            switch order.duty(after: member.duty) {
            case .success(let duty): duties.append((member.id, duty))
            case .failure(let refusal):
                change.failed.append(DutyChange.Failure(executor: member.id, reason: refusal.reason))
            }
        }
        if order.isWhole, !change.failed.isEmpty {
            return .refused(change.failed.map { "Executor \($0.executor) \($0.reason)" })
        }
        if case .suspend(.atOnce(isConfirmed: false)) = order {
            let tasks = state.tasks(on: chosen)
            guard tasks.isEmpty else { return .refused(Self.refusal(naming: tasks)) }
        }
        // All of them are closed before anything is placed.
        for (id, duty) in duties {
            state.members[id]?.dutyOrdered = state.epoch
            set(duty, of: id)
        }
        change.done = duties.map(\.0)
        return .cluster(.executors(change))
    }

    private static func refusal(naming tasks: [(task: TaskID, member: Member)]) -> [String] {
        let more = tasks.count - mostTasksNamed
        return ["\(tasks.count) tasks would fail; confirm=true stops them all the same"]
            + tasks.prefix(mostTasksNamed).map { "Task \($0.task) on \($0.member.hostname) would fail" }
            + (more > 0 ? ["and \(more) more"] : [])
    }

    private mutating func set(_ duty: Duty, of id: ExecutorID) {
        touched.insert(RecordKey(.member, id.rawValue))
        guard let member = state.members[id], member.duty != duty else { return }
        state.members[id]?.duty = duty
        if duty.isLeaving { leaving.insert(id) } else { leaving.remove(id) }
        // Its local services may have gone meanwhile.
        if duty == .active { state.members[id]?.isReady = false }
        updateAdmission(of: id)
        markServices(on: id)
        dirty.formUnion(member.instances.compactMap { state.instances[$0]?.owner })
        if duty == .active { wakeWaiting() }
        effects.append(.note("executor \(id) (\(member.hostname)) is \(duty.rawValue)"))
    }

    /// Whether the work of what leaves is done: an executor is blacklisted, or forgotten.
    mutating func settleDuties(at times: Times) {
        guard !isInMaintenance else { return }
        for id in leaving.sorted() {
            guard let member = state.members[id] else { continue }
            switch member.duty {
            case .blacklistRequested:
                let isFree = !member.instances.contains { state.instances[$0]?.app != nil }
                if isFree { set(.blacklisted, of: id) }
            case .retiring:
                let isFree = member.instances.isEmpty && !state.strays.values.contains { $0.executor == id }
                if isFree { retire(member) }
            case .active, .blacklisted, .suspended, .suspendedAtOnce: break
            }
        }
    }

    /// Forgets a member that nothing is left of.
    private mutating func retire(_ member: Member) {
        forget(member)
        leaving.remove(member.id)
        state.facts.retire(RetiredExecutor(id: member.id, key: member.key, incarnation: member.incarnation))
        updateAdmission(of: member.id)
        touched.formUnion([ClusterFacts.key, RecordKey(.member, member.id.rawValue)])
        effects.append(.note("executor \(member.id) (\(member.hostname)) is retired"))
        wakeWaiting()
    }

    /// Why a report of an executor that was retired is not taken: its process has to be started again first.
    mutating func refusalOfRetired(_ identity: NodeIdentity) -> Refused? {
        guard let place = state.facts.retired.firstIndex(where: { $0.id == identity.id }) else { return nil }
        if state.facts.retired[place].key == identity.key, state.facts.retired[place].incarnation == 0 {
            // This leader had not heard it when it was retired: it is in that run of its process still.
            state.facts.retired[place].incarnation = identity.incarnation
            touched.insert(ClusterFacts.key)
        }
        let retired = state.facts.retired[place]
        if retired.key == identity.key, identity.incarnation <= retired.incarnation {
            let reason = "executor \(identity.id) was retired: start it again to have it join as a new member"
            return Refused(kind: .retired, identity: identity, reason: reason)
        }
        state.facts.retired.removeAll { $0.id == identity.id }
        touched.insert(ClusterFacts.key)
        return nil
    }
}
