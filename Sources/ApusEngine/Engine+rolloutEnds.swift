import ApusModel
import HashTreeCollections

/// How a rollout ends: handed over, taken back, given up where it stands, or cancelled. Both applications show it.
extension Engine {
    /// All that gain are healthy, and what loses is down to what stays of it.
    func isHandedOver(_ application: Application, live: [Instance]) -> Bool {
        guard let handover = handover(with: application) else {
            return live.count == application.expected && live.allSatisfy(\.isHealthy)
        }
        let alive = state.aliveInstances(of: handover.gaining.id)
        return alive == handover.gaining.expected && alive == state.healthyInstances(of: handover.gaining.id)
            && handover.losing.expected <= handover.rest
            && state.aliveInstances(of: handover.losing.id) <= handover.rest
    }

    /// What an operation starts, and how often that has failed in a row; of a rollout the slower application's checks
    /// and hooks say how long a step may take.
    func trial(of application: Application) -> (spec: ApplicationSpec, failures: Int) {
        guard let handover = handover(with: application) else {
            return (application.spec, application.backoff.failures)
        }
        let (gaining, losing) = (handover.gaining.spec, handover.losing.spec)
        let isSlower = gaining.longestReplacement < losing.longestReplacement
        return (isSlower ? losing : gaining, handover.gaining.backoff.failures)
    }

    func standing(of handover: Handover) -> String {
        let (gaining, losing) = (handover.gaining, handover.losing)
        let healthy = state.healthyInstances(of: gaining.id)
        let left = state.aliveInstances(of: losing.id) - handover.rest
        return "\(healthy) of \(gaining.expected) of \(gaining.id) healthy"
            + (left > 0 ? ", \(left) of \(losing.id) still there" : "") + gaining.hindrances
    }

    /// Ends the rollout that the application is bound by if there is a reason to: nothing goes for one that is taken
    /// back in the same turn.
    mutating func finishRollout(from id: AppID, at times: Times) {
        guard let to = state.applications[id]?.rolledOutTo, var application = state.applications[to] else { return }
        // In no order: how a rollout ends is a matter of counts.
        let live = Array(state.unorderedInstances(of: to))
        guard unheardMember(of: live) == nil else { return }
        _ = finish(&application, live: live, at: times)
        state.applications[to] = application
    }

    /// `application` is the one that has the operation.
    mutating func complete(_ rollout: Rollout, _ application: inout Application, at times: Times) {
        guard let failure = rollout.failure else {
            state.applications[rollout.from]?.share = nil
            conclude(.succeeded, "", &application, at: times)
            return
        }
        application.share = application.operation?.shareBefore
        state.applications[rollout.from]?.share = rollout.shareBefore
        conclude(.rolledBack, "rolled back: \(failure)", &application, at: times)
    }

    /// STOP keeps what was reached; ROLLBACK takes it back, and keeps what serves if that does not succeed either.
    mutating func fail(_ rollout: Rollout, _ application: inout Application, _ reason: String, at times: Times) {
        if let failure = rollout.failure {
            state.applications[rollout.from]?.share = rollout.shareBefore
            keepReached(&application)
            conclude(.failed, "not rolled back: \(reason); begun because: \(failure)", &application, at: times)
        } else if application.operation?.failureStrategy == .rollback {
            takeBack(rollout, &application, reason, at: times)
        } else {
            keepReached(&application)
            conclude(.failed, reason, &application, at: times)
        }
    }

    /// From now on the old application gains; no more of the new one is started.
    private mutating func takeBack(
        _ rollout: Rollout,
        _ application: inout Application,
        _ reason: String,
        at times: Times
    ) {
        guard let before = application.operation?.before else { return }
        let steps = max(
            rollout.before - state.aliveInstances(of: rollout.from),
            state.aliveInstances(of: application.id) - before
        )
        application.operation?.beginAgain(steps: steps, at: times.now)
        application.operation?.rollout?.failure = reason
        let well = state.unorderedInstances(of: application.id).count(where: \.isAliveAndWell)
        application.expected = max(before, min(application.expected, well))
        application.share = nil
        follow(application)
        application.updated = times.wall
        state.applications[rollout.from]?.expected = rollout.before
        state.applications[rollout.from]?.updated = times.wall
        state.applications[rollout.from]?.backoff = Backoff()
        touch(application.id)
        touch(rollout.from)
    }

    /// What gains expects as many as are well, and no fewer than are to be there in sum.
    private mutating func keepReached(_ application: inout Application) {
        guard let handover = handover(with: application) else { return }
        // What moves may have one more.
        let well = state.unorderedInstances(of: handover.gaining.id).count(where: \.isAliveAndWell)
        let reached = max(well, handover.floor - handover.losing.expected)
        guard reached < handover.gaining.expected else { return }
        guard handover.gaining.id != application.id else {
            (application.expected, application.share) = (reached, nil)
            return
        }
        state.applications[handover.gaining.id]?.expected = reached
        state.applications[handover.gaining.id]?.share = nil
    }

    /// Ends it where it stands.
    mutating func cancelRollout(to application: Application, at times: Times) -> CommandOutcome {
        var application = application
        guard let from = application.operation?.rollout?.from else { return .refused([]) }
        keepReached(&application)
        application.ordered = state.epoch
        state.applications[from]?.ordered = state.epoch
        let kept = state.applications[from]?.expected ?? 0
        let reason = "cancelled by a user: \(application.id) keeps \(application.expected), \(from) keeps \(kept)"
        conclude(.cancelled, reason, &application, at: times)
        state.applications[application.id] = application
        return .accepted(.application(application.id))
    }

    /// Ends the operation in both records; each application is by itself from now on.
    private mutating func conclude(
        _ outcome: EndedOperation.Outcome,
        _ reason: String,
        _ application: inout Application,
        at times: Times
    ) {
        guard let operation = application.operation, let rollout = operation.rollout else { return }
        let ended = operation.ended(outcome, reason, at: times.wall)
        (rollouts[rollout.from], rollouts[rollout.to]) = (nil, nil)
        (parted[rollout.from], parted[rollout.to]) = (rollout.to, rollout.from)
        end(&application, with: ended, at: times)
        follow(application)
        dirty.insert(.application(application.id))
        guard var old = state.applications[rollout.from] else { return }
        old.rolledOutTo = nil
        end(&old, with: ended, at: times)
        follow(old)
        state.applications[old.id] = old
        dirty.insert(.application(old.id))
    }
}
