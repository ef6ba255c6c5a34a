import ApusModel
import ApusPlacement
import HashTreeCollections

/// How operations end: done, out of time, failing again and again, or cancelled.
extension Engine {
    /// Ends the operation if there is a reason to.
    ///
    /// - Returns: `true` if the application is gone with it.
    mutating func finish(_ application: inout Application, live: [Instance], at times: Times) -> Bool {
        guard let operation = application.operation else { return false }
        if isDone(operation, application, live: live) {
            guard operation.kind != .destroy else {
                forget(application.id)
                return true
            }
            if let rollout = operation.rollout {
                complete(rollout, &application, at: times)
                return false
            }
            end(&application, with: operation.ended(.succeeded, "", at: times.wall), at: times)
            return false
        }
        let (spec, failures) = trial(of: application)
        switch operation.standing(of: spec, failures: failures, at: times.now) {
        case .failed(let reason):
            fail(&application, "\(reason): \(standing(of: application, live: live))", live, at: times)
        case .goesOn(let due):
            wake(.owner(.application(application.id)), at: min(due, note(&application, at: times.now)))
        }
        return false
    }

    /// Has what time it has spent stored now and then, for whoever leads next.
    ///
    /// - Returns: when it should be again.
    private mutating func note(_ application: inout Application, at now: Moment) -> Moment {
        guard let operation = application.operation else { return now }
        let next = operation.noted + operation.timeBetweenNotes
        guard next <= now else { return next }
        application.operation?.noted = now
        touched.insert(RecordKey(.application, application.id.rawValue))
        return now + operation.timeBetweenNotes
    }

    private func isDone(_ operation: Operation, _ application: Application, live: [Instance]) -> Bool {
        switch operation.kind {
        case .create, .recover, .scale, .startInstances, .adjustInstances:
            return live.count == application.expected && live.allSatisfy(\.isHealthy)
        case .stopInstances, .replaceInstances:
            let targets = Set(operation.targets)
            return live.count == application.expected && live.allSatisfy(\.isHealthy)
                && !live.contains { targets.contains($0.id) }
        case .suspend, .destroy:
            return live.isEmpty
        case .rollout:
            return isHandedOver(application, live: live)
        }
    }

    private func standing(of application: Application, live: [Instance]) -> String {
        if let handover = handover(with: application) { return standing(of: handover) }
        let healthy = live.count(where: \.isHealthy)
        var text = "\(healthy) of \(application.expected) healthy"
        if let operation = application.operation, !operation.targets.isEmpty {
            let targets = Set(operation.targets)
            text += ", \(live.count { targets.contains($0.id) }) of \(targets.count) still to be stopped"
        } else if live.count > application.expected {
            text += ", \(live.count - application.expected) not gone yet"
        }
        return text + application.hindrances
    }

    /// STOP keeps the expected count, and reconciliation goes on; ROLLBACK restores the count and as many of the
    /// instances as are left.
    private mutating func fail(_ application: inout Application, _ reason: String, _ live: [Instance], at times: Times)
    {
        guard let operation = application.operation else { return }
        let rollsBack = operation.failureStrategy == .rollback && operation.kind != .destroy
        effects.append(.note("\(operation.kind.rawValue) of \(application.id) failed: \(reason)"))
        if let rollout = operation.rollout { return fail(rollout, &application, reason, at: times) }
        guard rollsBack else {
            end(&application, with: operation.ended(.failed, reason, at: times.wall), at: times)
            return
        }
        application.expected = operation.before
        application.share = operation.shareBefore
        follow(application)
        end(&application, with: operation.ended(.rolledBack, reason, at: times.wall), at: times)
        guard !isHeld(orderedAt: application.ordered) else { return }
        rollBack(operation, to: application.expected, live: live, at: times)
    }

    /// Stops what the operation started beyond the count before it, the newest first, so that the old ones stay.
    private mutating func rollBack(_ operation: Operation, to expected: Int, live: [Instance], at times: Times) {
        let alive = live.filter(\.isAlive)
        let started = alive.reversed().filter { $0.created >= operation.accepted && !operation.targets.contains($0.id) }
        for instance in started.prefix(max(0, alive.count - expected)) {
            stop(instance.id, .rolledBack, at: times.now)
        }
    }

    mutating func end(_ application: inout Application, with ended: EndedOperation, at times: Times) {
        application.operation = nil
        application.lastOperation = ended
        application.updated = times.wall
        touched.insert(RecordKey(.application, application.id.rawValue))
    }

    private mutating func forget(_ app: AppID) {
        let owner = Owner.application(app)
        for page in state.ended[owner]?.pages ?? [] { touched.insert(Self.endedKey(owner, page: page.number)) }
        state.ended[owner] = nil
        state.applications[app] = nil
        capacity.leave(app)
        touched.insert(RecordKey(.application, app.rawValue))
        effects.append(.note("\(app) is destroyed"))
    }

    // MARK: cancellation

    /// Ends a scaling where it stands, and a replacement with what it has replaced (contract §4.2).
    mutating func cancel(_ app: AppID, at times: Times) -> CommandOutcome {
        if let to = state.applications[app]?.rolledOutTo { return cancel(to, at: times) }
        let refusal = CommandOutcome.refused(["Current operation could not be cancelled"])
        guard var application = state.applications[app], let operation = application.operation else { return refusal }
        switch operation.kind {
        case .scale, .startInstances, .suspend:
            // What moves may have one more.
            let well = state.instances(of: app).count(where: \.isAliveAndWell)
            application.expected = min(well, max(application.expected, operation.before))
            application.share = operation.kind == .suspend ? operation.shareBefore : nil
            follow(application)
        case .replaceInstances: break
        case .rollout: return cancelRollout(to: application, at: times)
        case .create, .stopInstances, .recover, .destroy, .adjustInstances: return refusal
        }
        application.ordered = state.epoch
        end(&application, with: operation.ended(.cancelled, "cancelled by a user", at: times.wall), at: times)
        state.applications[app] = application
        dirty.insert(.application(app))
        return .accepted(.application(app))
    }
}

extension Application {
    /// What keeps it from having more, for the reason of an operation's end; empty if nothing is known.
    var hindrances: String {
        (shortfall.map { "; no room: \($0.text)" } ?? "")
            + (backoff.reason.isEmpty ? "" : "; last failure: \(backoff.reason)")
    }
}
