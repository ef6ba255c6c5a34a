import ApusModel
import ApusPlacement
import HashTreeCollections

/// What executors say, applied in the order of their revisions.
extension Engine {
    /// Hears a report, or says why not; one that `isListed` may become a member.
    mutating func apply(_ report: NodeReport, isListed: Bool, from source: String?, at times: Times) -> ReportAnswer {
        let identity = report.identity
        if let refused = refusal(of: identity, isListed: isListed) ?? refusalOfRetired(identity) {
            tell(refused, from: source, at: times.now)
            return refusing(refused.reason)
        }
        let known = state.members[identity.id]
        if let known, known.isLost, isOther(identity, than: known) {
            effects.append(.note("\(identity.id) came back as another machine"))
            forget(known)
        }
        let isNew = state.members[identity.id] == nil
        if isNew { admit(identity, inPlaceOf: known, at: times) }
        guard var member = state.members[identity.id] else { return refusing("not admitted") }
        guard identity.incarnation >= member.incarnation else {
            var late = answer(.stale, to: member)
            if let refused = lateness(of: identity, than: member, at: times.now) {
                tell(refused, from: source, at: times.now)
                late.reason = refused.reason
            }
            return late
        }
        let standing = Standing(member)
        heard(&member, report, at: times)
        let joinsUp = report.base <= member.applied
        let isLate = joinsUp && report.revision < member.applied
        if joinsUp, !isLate { member.applied = report.revision }
        // Nearly every report is a heartbeat and changes nothing else.
        state.members[member.id] = member
        if isNew || Standing(member) != standing { updateAdmission(of: member.id) }

        guard joinsUp, !isLate else { return answer(isLate ? .stale : .applied, to: member) }
        if let quarantine = report.quarantine ?? (report.base == 0 ? Quarantine() : nil) {
            setAside(quarantine, on: member.id)
        }
        if report.base == 0 {
            synchronise(member.id, with: report, at: times)
        } else if let description = report.description, describe(member.id, description) {
            updateAdmission(of: member.id)
            roomAppeared(on: member.id)
        }
        let settled = report.instances.compactMap { instance in
            apply(instance, from: member, at: times) ? instance.id : nil
        }
        if report.base == 0 || member.acknowledged != standing.acknowledged {
            endNeverStarted(on: member, at: times)
        }
        return answer(.applied, to: member, settled: settled)
    }

    /// What decides whether a member gets work and may hold up STOPs.
    private struct Standing: Equatable {
        var presence: Member.Presence
        var acknowledged: Epoch
        var isTroubled: Bool
        var reach: Reach

        init(_ member: Member) {
            presence = member.presence
            acknowledged = member.acknowledged
            isTroubled = !member.troubles.isEmpty
            reach = member.reach
        }
    }

    private func refusing(_ reason: String) -> ReportAnswer {
        ReportAnswer(
            verdict: .refused,
            epoch: state.epoch,
            canCommit: true,
            applied: 0,
            settled: [],
            reason: reason
        )
    }

    private func answer(_ verdict: ReportAnswer.Verdict, to member: Member, settled: [InstanceID] = []) -> ReportAnswer
    {
        ReportAnswer(
            verdict: verdict,
            epoch: state.epoch,
            canCommit: true,
            applied: member.applied,
            settled: settled,
            reason: ""
        )
    }

    /// A full list: what the executor offers, and which of its instances it does not have.
    private mutating func synchronise(_ executor: ExecutorID, with report: NodeReport, at times: Times) {
        if let description = report.description { describe(executor, description) }
        guard var member = state.members[executor] else { return }
        member.presence = .present
        state.members[executor] = member
        updateAdmission(of: executor)

        let listed = Set(report.instances.map(\.id))
        for id in member.instances where !listed.contains(id) {
            guard let instance = state.instances[id], instance.revision <= report.revision else { continue }
            switch instance.progress {
            case .assigned where isOfBeforeRestoration(instance): break
            case .assigned(sent: nil): sendStart(of: id, at: times.now)
            case .assigned: break
            case .confirmed:
                let text = "its executor no longer knows it"
                if instance.isTask {
                    end(id, as: .lost, cause: .executorLost, error: text, at: times)
                    continue
                }
                countFailure(of: instance, reason: text, at: times)
                end(id, as: .stopped, cause: .refused, error: text, at: times)
            }
        }
        for id in state.strays.keys.sorted() where state.strays[id]?.executor == executor && !listed.contains(id) {
            forgetStray(id)
            recount.insert(executor)
        }
        dirty.formUnion(waiting.take(for: executor))
        roomAppeared(on: executor)
    }

    private mutating func setAside(_ quarantine: Quarantine, on executor: ExecutorID) {
        guard let member = state.members[executor], member.quarantine != quarantine else { return }
        state.members[executor]?.quarantine = quarantine
        let names = quarantine.named.map { "\($0.name) (\($0.reason))" }.joined(separator: "; ")
        effects.append(
            .note(
                "executor \(executor) (\(member.hostname)) leaves \(quarantine.count) containers alone"
                    + (names.isEmpty ? "" : ": \(names)")
            )
        )
    }

    /// What the executor offers from now on; the ledger follows.
    ///
    /// - Returns: `true` if it is not as before.
    @discardableResult
    private mutating func describe(_ executor: ExecutorID, _ description: NodeDescription) -> Bool {
        guard var member = state.members[executor], member.description != description else { return false }
        member.change(description: description)
        state.members[executor] = member
        touched.insert(RecordKey(.member, executor.rawValue))
        offer(member)
        return true
    }

    /// Applies one instance's report.
    ///
    /// - Returns: `true` if the executor may forget it: it has ended, and that is (or now becomes) committed.
    @discardableResult
    mutating func apply(_ told: InstanceReport, from member: Member, at times: Times) -> Bool {
        var report = told
        report.error = told.error.clipped(toBytes: Self.longestError)
        if let instance = state.instances[report.id], instance.executor == member.id {
            guard report.revision >= instance.revision else { return false }
            update(instance, with: report, at: times)
        } else if report.state.isTerminal {
            if state.strays[report.id] != nil {
                forgetStray(report.id)
                roomAppeared(on: member.id)
            }
        } else if isAdoptable(report.owner), state.instances[report.id] == nil,
            !hasEnded(report.id, of: report.owner), hasRoom(member.id)
        {
            adopt(report, on: member.id, at: times)
        } else {
            stray(report, on: member.id, at: times)
        }
        return report.state.isTerminal
    }

    /// A known application's or local service's; a task's is never taken up again.
    private func isAdoptable(_ owner: Owner) -> Bool {
        switch owner {
        case .application(let app): state.applications[app] != nil
        case .localService(let service): state.localServices[service].map { $0.activation != .inactive } ?? false
        case .task: false
        }
    }

    /// No executor was ever given more, so what is beyond that is not believed.
    private func hasRoom(_ executor: ExecutorID) -> Bool {
        (state.members[executor]?.instances.count ?? 0) < Ledger.mostInstancesPerExecutor
    }

    /// Its end was reported before, so this is an old report or should not be: it never counts again.
    ///
    /// One that was LOST, or refused its START, may well come back.
    private func hasEnded(_ id: InstanceID, of owner: Owner) -> Bool {
        guard let entry = state.ended[owner]?.entry(id) else { return false }
        return entry.state == .stopped && entry.cause != .refused
    }

    private mutating func update(_ old: Instance, with report: InstanceReport, at times: Times) {
        var instance = old
        instance.progress = .confirmed
        instance.state = report.state
        instance.ports = report.ports
        instance.error = report.error
        instance.cause = report.cause
        instance.updated = report.updated
        instance.revision = report.revision
        instance.restarts = report.restarts
        instance.progressText = report.progress
        if instance.isHealthy, instance.healthySince == nil {
            instance.healthySince = times.now
            // A local service's host arms its own.
            if case .application = instance.owner { wake(.owner(instance.owner), at: times.now + Backoff.proof) }
        }
        instance.isWell = isWell(old, told: report)
        state.change(instance.id) { $0 = instance }
        if instance.ports != old.ports || instance.isWell != old.isWell { touched.insert(instance.recordKey) }
        if instance.state != old.state, instance.isHealthy { noteProgress(of: instance.owner, at: times.now) }
        let failed = old.isAlive && !instance.state.isAlive
        if failed { countFailure(of: instance, reason: report.error, at: times) }
        // One that this leader has not heard of before may have been started again long ago.
        if old.revision > 0, instance.restarts > old.restarts {
            tally.count(.restartedInPlace, instance.restarts - old.restarts)
        }
        if report.state.isTerminal {
            end(instance.id, as: report.state, cause: report.cause, error: report.error, at: times)
        } else if instance.state != old.state {
            mark(instance)
        }
    }

    mutating func noteProgress(of owner: Owner, at now: Moment) {
        switch owner {
        case .application(let app):
            state.applications[app]?.operation?.progressed = now
            if let partner = rollouts[app] { state.applications[partner]?.operation?.progressed = now }
        case .localService(let service): state.localServices[service]?.operation?.progressed = now
        case .task: break
        }
    }

    /// One that is looked at again after a restart of either side is as it was, until it is known better.
    private func isWell(_ old: Instance, told report: InstanceReport) -> Bool {
        switch report.state {
        case .healthy: true
        case .unknown, .unready, .ready: old.isWell && (old.revision == 0 || report.restarts == old.restarts)
        default: false
        }
    }

    /// An unlisted instance of something known counts; if there are too many then, one is stopped as surplus.
    mutating func adopt(_ report: InstanceReport, on executor: ExecutorID, at times: Times) {
        state.strays[report.id] = nil
        ledger.release(report.id)
        state.hold(report.id, of: report.owner, report.allocation, on: executor, in: &ledger)
        var instance = Instance(
            report.id,
            of: report.owner,
            on: executor,
            report.allocation,
            epoch: state.epoch,
            generation: generation(of: report.owner, on: executor),
            at: report.created
        )
        instance.updated = report.updated
        instance.state = report.state
        instance.ports = report.ports
        instance.error = report.error
        instance.cause = report.cause
        instance.progress = .confirmed
        instance.revision = report.revision
        instance.restarts = report.restarts
        instance.progressText = report.progress
        if report.state == .healthy {
            instance.healthySince = times.now
            instance.isWell = true
        }
        insert(instance)
    }

    /// Of the back-off that holds there.
    private func generation(of owner: Owner, on executor: ExecutorID) -> Int {
        switch owner {
        case .application(let app): state.applications[app]?.backoff.generation ?? 0
        case .localService(let service): state.localServices[service]?.backoffs[executor]?.generation ?? 0
        case .task: 0
        }
    }
}
