package import ApusModel
import OrderedCollections

extension Agent {
    /// The conversation with the leader: one report under way at a time.
    struct Reports {
        struct Flight {
            var number: Int
            var sent: Moment
            var revision: Int64
        }

        var next: Moment
        var flight: Flight?
        var count = 0
        /// What the leader last said it has applied of this incarnation.
        var base: Int64 = 0
        /// What the last report said, answered or not.
        var reported: Int64 = 0
        var fence: Fence?
        var troubles: [Trouble] = []
        var refusal = ""
        /// The last one was not taken by a leader that can commit.
        var isUnheard = false

        /// A report that is not answered in this time is given up.
        static let patience = Duration.seconds(15)
        static let retry = Duration.milliseconds(500)

        var deadline: Moment { flight.map { $0.sent + Self.patience } ?? next }

        init(next: Moment) { self.next = next }
    }

    /// Why this executor cannot serve now.
    package var troubles: [Trouble] {
        let faults: [(NodeChannel, String?)] = [
            (.engine, engineFault.map { "the container engine does not answer: \($0)" }),
            // Another state folder may not know what runs here and holds cores.
            (.engine, isBlind ? "its containers were not looked at yet" : nil),
            (.storage, hasLeftOut ? "a container that runs here cannot be put on record" : nil),
            (.storage, journal.fault.map { "the journal cannot be written: \($0)" }),
            (.storage, storageFault.map { "its state directory cannot be written: \($0)" }),
            (.clock, clock.fault),
        ]
        return faults.compactMap { channel, text in
            text.map { Trouble(channel, $0.clipped(toBytes: InstanceMachine.longestText)) }
        }
    }

    private var isBlind: Bool { lookedAt == nil && !hasLeftOut && engineFault == nil }

    /// What an outcome tells of the container engine; its first silence has the containers looked at.
    mutating func hear(_ outcome: Outcome, of id: InstanceID, _ out: inout Outbox) {
        switch outcome {
        case .failed(let failure) where failure.kind == .engineAway:
            // Commands are tried every second or so: whether the engine is away, the next inventory says.
            guard machines[id]?.isBeingChecked == false else { return }
            if engineFault == nil { out.wantsInventory = true }
            engineFault = engineFault ?? failure.reason
        case .pulled, .created, .started, .stopped, .removed: engineFault = nil
        case .passed, .failed: break
        }
    }

    /// A changed description is told like a changed instance; one that no leader would take is left aside.
    mutating func describe(_ fresh: NodeDescription) {
        guard fresh != description, fresh.fault == nil else { return }
        description = fresh
        revision += 1
        describedAt = revision
    }

    /// Reports when something changed or it is time, and none is under way.
    mutating func report(_ out: inout Outbox) {
        if let flight = reports.flight, flight.sent + Reports.patience <= out.now { reports.flight = nil }
        guard reports.flight == nil else { return }
        let (isNews, troubles) = (revision > reports.reported || fence != reports.fence, troubles)
        guard isNews || troubles != reports.troubles || reports.next <= out.now else { return }
        reports.count += 1
        reports.flight = Reports.Flight(number: reports.count, sent: out.now, revision: revision)
        reports.reported = revision
        reports.fence = fence
        reports.troubles = troubles
        let base = reports.base
        // An end that is committed needs no more telling, not even in a full list.
        let changed = machines.values.filter { $0.revision > base && $0.settledAt == nil }
        out.actions.append(
            .report(
                NodeReport(
                    identity: identity,
                    revision: revision,
                    base: base,
                    instances: changed.map(\.report),
                    fence: fence,
                    description: base == 0 || describedAt > base ? description : nil,
                    troubles: troubles,
                    quarantine: quarantinedAt > base ? quarantine : nil
                ),
                number: reports.count
            )
        )
    }

    mutating func reportFailed(number: Int, at now: Moment) {
        guard reports.flight?.number == number else { return }
        reports.isUnheard = true
        reports.flight = nil
        reports.next = now + Reports.retry
    }

    mutating func take(_ answer: ReportAnswer, number: Int, _ out: inout Outbox) {
        guard let flight = reports.flight, flight.number == number else { return }
        // A deposed leader's answer is none: what it applied is not what its successor has.
        if let highest, answer.epoch < highest.epoch { return reportFailed(number: number, at: out.now) }
        reports.flight = nil
        reports.next = max(out.now, flight.sent + Self.heartbeat)
        if let refusal = answer.refusal, reports.refusal != refusal {
            out.actions.append(.note(.reportRefused(reason: refusal)))
        }
        reports.refusal = answer.refusal ?? ""
        guard answer.verdict != .refused else {
            reports.isUnheard = true
            return
        }
        if let wall = answer.wall { clock.compare(wall, asked: flight.sent, at: out.times) }
        reports.isUnheard = !answer.canCommit
        if answer.canCommit { lastAnsweredByCommittingLeader = out.now }
        // More than we ever said cannot be of this incarnation.
        let applied = (0...flight.revision).contains(answer.applied) ? answer.applied : 0
        if applied < reports.base { reports.next = out.now }
        reports.base = applied
        settle(answer.settled, &out)
        if highest.map({ $0.epoch < answer.epoch }) ?? true {
            raise(to: Fence(epoch: answer.epoch, sequence: 0), &out)
        }
    }

    private mutating func settle(_ ids: [InstanceID], _ out: inout Outbox) {
        for id in ids {
            guard let machine = machines[id], machine.hasEnded, machine.isEndRecorded, machine.settledAt == nil else {
                continue
            }
            machines[id]?.settledAt = out.times.wall
            out.facts.append(.settled(id, at: out.times.wall))
        }
    }
}

extension NodeDescription {
    /// What in it is out of bounds; `nil` if nothing is.
    package var fault: String? { finding(of: checkLimits) }
}

extension InstanceReport {
    /// What in it is out of bounds, so that a leader would refuse every report that holds it; `nil` if nothing is.
    var fault: String? { finding(of: checkLimits) }
}

private func finding(of check: () throws(JSONError) -> Void) -> String? {
    do throws(JSONError) {
        try check()
        return nil
    } catch {
        return error.message
    }
}
