import ApusModel
import HashTreeCollections

/// What was decided about an executor.
extension ClusterState {
    func decisions(on id: ExecutorID, since before: ClusterState) -> [Decision] {
        let subject = AuditSubject(id)
        guard let old = before.members[id] else {
            guard let new = members[id] else { return [] }
            let cause = "\(new.hostname):\(new.port) reports as an executor of this cluster"
            return [Decision(.executorAdmitted, subject, cause)] + readiness(of: new, since: nil)
        }
        guard let new = members[id] else {
            let cause = "nothing is left of its work"
            return [Decision(.executorRetired, subject, cause, of: AuditOperation(.retiring, of: id))]
        }
        guard new.key == old.key else {
            let cause =
                "\(new.hostname):\(new.port) is another machine than the one that was given up (its key differs)"
            return [Decision(.executorReplaced, subject, cause)] + readiness(of: new, since: nil)
        }
        return hearing(of: new, since: old) + holding(of: new, since: old) + serving(of: new, since: old)
            + readiness(of: new, since: old) + duty(of: new, since: old)
    }

    private func hearing(of new: Member, since old: Member) -> [Decision] {
        let subject = AuditSubject(new.id)
        switch (old.presence, new.presence) {
        case (.silent, .silent), (.lost, .lost): return []
        case (_, .silent):
            return [Decision(.executorSilent, subject, "\(new.hostname) missed its heartbeats").naming(new.failures)]
        case (_, .lost(let since)):
            let span = max(0, since.milliseconds - new.heardAt.milliseconds) / 1_000
            let cause =
                "\(new.hostname) is not heard for \(span) s: what it ran (\(old.instances.count) instances) is lost"
            return [Decision(.executorLost, subject, cause).naming(new.failures)]
        case (.silent, _): return [Decision(.executorBack, subject, "\(new.hostname) is heard again")]
        case (.lost, _):
            return [Decision(.executorBack, subject, "\(new.hostname) is heard again after it was given up")]
        case (.joining, _), (.present, _): return []
        }
    }

    private func holding(of new: Member, since old: Member) -> [Decision] {
        let subject = AuditSubject(new.id)
        switch (old.lossHold, new.lossHold) {
        case (nil, .some(let hold)):
            var decision = Decision(
                .lossHeld,
                subject,
                "\(heldLosses.count) executors fell silent together: it is rather the network than the machines"
            )
            decision.detail = .members(["until": hold.until.json])
            return [decision]
        case (.some, nil):
            return [Decision(.lossReleased, subject, new.isLost ? "it was not heard in time" : "it is heard again")]
        case (nil, nil), (.some, .some): return []
        }
    }

    private func serving(of new: Member, since old: Member) -> [Decision] {
        let (were, are) = (old.obstacles, new.obstacles)
        guard !new.isLost, were.isEmpty != are.isEmpty || were.channels != are.channels else { return [] }
        guard !are.isEmpty else { return [Decision(.executorResumed, AuditSubject(new.id), "its trouble is over")] }
        let cause = are.texts.joined(separator: "; ")
        return [Decision(.executorSuspended, AuditSubject(new.id), cause).naming(are)]
    }

    private func readiness(of new: Member, since old: Member?) -> [Decision] {
        guard new.isReady, old?.isReady != true else { return [] }
        return [
            Decision(.executorReady, AuditSubject(new.id), "no required local service is missing on \(new.hostname)")
        ]
    }

    /// What an operator asked for is done.
    private func duty(of new: Member, since old: Member) -> [Decision] {
        guard new.duty == .blacklisted, old.duty != .blacklisted else { return [] }
        let cause = "no application's instance is left on \(new.hostname)"
        return [
            Decision(.executorBlacklisted, AuditSubject(new.id), cause, of: AuditOperation(new.duty, of: new.id))
        ]
    }
}

extension Decision {
    /// With the channels that fail.
    fileprivate func naming(_ troubles: [Trouble]) -> Decision {
        guard !troubles.channels.isEmpty else { return self }
        var decision = self
        decision.detail = .members(["channels": .array(troubles.channels.map { .string($0.rawValue) })])
        return decision
    }
}
