import ApusModel
import ApusPlacement
import HashTreeCollections

/// The level-triggered heart: what is wanted against what is there, for one application.
extension Engine {
    mutating func reconcile(_ id: AppID, budget: inout Int, at times: Times) {
        finishRollout(from: id, at: times)
        guard var application = state.applications[id], !level(application, budget: &budget, at: times) else { return }
        var live = state.instances(of: id)
        if let member = unheardMember(of: live) {
            waiting.wait(.application(id), for: member)
            return
        }
        let isUnderWay = application.operation != nil
        if finish(&application, live: live, at: times) { return }
        // An operation goes on; whatever else there is to do waits for the end of maintenance.
        guard !isInMaintenance || application.operation != nil || application.rolledOutTo != nil else {
            state.applications[id] = application
            return
        }
        // Both may have stopped some.
        if isUnderWay { live = lookedAtAgain(live) }
        proveGeneration(of: &application, live: live, at: times.now)
        let handover = handover(with: application)
        if let handover, handover.losing.id == id { makeWay(&application, in: handover, at: times) }
        state.applications[id] = application

        if stopAtOnce(live, at: times) { live = lookedAtAgain(live) }
        stopTargets(of: application, live: live, at: times)
        if isUnderWay || !leaving.isEmpty { live = lookedAtAgain(live) }
        let alive = live.filter(\.isAlive)
        let ceiling = ceiling(of: application, alive: alive)
        let staying = staying(of: application, alive: alive)
        // What is needed of it stays, though less be expected.
        let most = handover.map { $0.losing.id == id ? max(ceiling, needed(in: $0)) : ceiling } ?? ceiling
        if staying.count > most {
            stopSurplus(of: application, staying: staying, ceiling: most, at: times)
        } else if alive.count < ceiling {
            let missing = missing(of: application, alive: alive, ceiling: ceiling)
            let going = going(of: application, live: live)
            start(missing, of: application, notCounting: going, budget: &budget, at: times)
        } else if application.shortfall != nil {
            state.applications[id]?.shortfall = nil
        }
    }

    /// As they are now, in the order that they have: none has come meanwhile.
    private func lookedAtAgain(_ live: [Instance]) -> [Instance] { live.compactMap { state.instances[$0.id] } }

    /// Where nothing is under way the number of those alive says it all: what a lost executor had is started elsewhere
    /// without a look at what the application has on others.
    ///
    /// - Returns: `false` if each instance has to be looked at.
    private mutating func level(_ application: Application, budget: inout Int, at times: Times) -> Bool {
        let missing = application.expected - state.aliveInstances(of: application.id)
        guard missing >= 0, application.operation == nil, application.rolledOutTo == nil,
            application.backoff.failures == 0, unheard.isEmpty,
            !isInMaintenance, !isAnyLeft, missing == 0 || !state.hasEndingInstances(of: application.id)
        else { return false }
        if missing > 0 {
            start(missing, of: application, notCounting: [], budget: &budget, at: times)
        } else if application.shortfall != nil {
            state.applications[application.id]?.shortfall = nil
        }
        return true
    }

    /// Something is left on an executor that is to be free of it.
    private var isAnyLeft: Bool { leaving.contains { state.members[$0]?.instances.isEmpty == false } }

    /// Nothing is repaired on hearsay: each member that a hint names has spoken to this leader, or was given up.
    ///
    /// - Returns: the first of which neither is true.
    func unheardMember(of live: [Instance]) -> ExecutorID? {
        unheard.isEmpty ? nil : live.first { unheard.contains($0.executor) }?.executor
    }

    // MARK: starting

    /// How many may be started now.
    private func missing(of application: Application, alive: [Instance], ceiling: Int) -> Int {
        let missing = ceiling - alive.count
        if let handover = handover(with: application) {
            guard handover.gaining.id == application.id else { return missing }
            return min(missing, due(in: handover, alive: alive))
        }
        guard let operation = application.operation else { return missing }
        let targets = Set(operation.targets)
        let pending = alive.count { !$0.isHealthy && !targets.contains($0.id) && !isLeaving($0) }
        // What was there before and is missing is repaired at once.
        return min(missing, max(operation.parallelism - pending, operation.floor(application) - alive.count))
    }

    /// Those that are `going` count for no place over which it is spread.
    private mutating func start(
        _ missing: Int,
        of application: Application,
        notCounting going: [InstanceID],
        budget: inout Int,
        at times: Times
    ) {
        if let wait = application.backoff.wait(at: times.now) {
            wake(.owner(.application(application.id)), at: times.now + wait)
            return
        }
        for _ in 0..<max(0, missing) {
            guard budget > 0 else {
                dirty.insert(.application(application.id))
                return
            }
            guard start(application, notCounting: going, at: times) else { return }
            budget -= 1
        }
    }

    /// Places and commits one more instance.
    ///
    /// - Returns: `false` if there is no room; the reason shows in the application.
    private mutating func start(
        _ application: Application,
        notCounting going: [InstanceID],
        at times: Times
    ) -> Bool {
        let id = InstanceID("AI-\(random.uuid())")
        let owner = Owner.application(application.id)
        let request = PlacementRequest(id, for: .application(application.spec), group: group(of: owner))
        switch ledger.place(request, tieBreak: random.next(), notCounting: going) {
        case .refused(let refusal):
            tally.count(refusal)
            noted.unplaced.insert(owner)
            if application.shortfall?.text != refusal.text {
                effects.append(.note("\(application.id) has no room: \(refusal.text)"))
            }
            state.applications[application.id]?.shortfall = refusal
            waiting.waitForRoom(.application(application.id), .application(application.id))
            return false
        case .placed(let executor, let allocation):
            insert(
                Instance(
                    id,
                    of: .application(application.id),
                    on: executor,
                    allocation,
                    epoch: state.epoch,
                    generation: application.backoff.generation,
                    at: times.wall
                )
            )
            if application.shortfall != nil { state.applications[application.id]?.shortfall = nil }
            sendStart(of: id, at: times.now)
            return true
        }
    }

    // MARK: stopping

    /// Scale down takes those on silent executors first, then what is not healthy yet, then what was and is being
    /// looked at again, then those on executors that are to be free of them, then those on executors in trouble, then
    /// the oldest.
    private mutating func stopSurplus(of application: Application, staying: [Instance], ceiling: Int, at times: Times) {
        guard mayStop else {
            waiting.waitToStop(.application(application.id))
            return
        }
        let reason: StopReason =
            switch application.rolledOutTo == nil ? application.operation?.kind : .rollout {
            case .destroy: .destroyed
            case .rollout where application.operation?.rollout?.failure != nil: .rolledBack
            case .scale, .suspend, .rollout: .scaledDown
            case .create, .startInstances, .stopInstances, .replaceInstances, .recover, .adjustInstances, nil: .surplus
            }
        // After an import the counts are old.
        guard !isRestored || (reason != .surplus && !isHeld(orderedAt: application.ordered)) else { return }
        let order = reason == .surplus ? inOrderOfSurplus(staying) : inOrderOfStopping(staying)
        let victims = order.prefix(staying.count - ceiling)
        for victim in victims { stop(victim.id, reason, at: times.now) }
        // Of a rollout that may be the end, or make room for one more.
        if rollouts[application.id] != nil {
            dirty.insert(.application(application.id))
            markPartner(of: application.id)
        }
        // One that was to move needs nobody in its place any more, so that there may be one too many still.
        if victims.contains(where: isLeaving) { dirty.insert(.application(application.id)) }
    }

    func inOrderOfStopping(_ instances: [Instance]) -> [Instance] {
        instances.sorted { left, right in
            let (first, second) = (victimRank(left), victimRank(right))
            return first == second ? (left.created, left.id) < (right.created, right.id) : first < second
        }
    }

    /// Of what is too many because some came back the better stays: what is healthy, then the older, then by id. (What
    /// is not healthy goes in the other order: the older had more time to become it.)
    func inOrderOfSurplus(_ instances: [Instance]) -> [Instance] {
        instances.sorted { left, right in
            let (first, second) = (victimRank(left), victimRank(right))
            guard first == second else { return first < second }
            let isOlder = (left.created, left.id) < (right.created, right.id)
            return first >= Self.healthyRank ? !isOlder : isOlder
        }
    }

    /// From this rank on they are all healthy.
    private static let healthyRank = 3

    private func victimRank(_ instance: Instance) -> Int {
        guard let member = state.members[instance.executor], member.presence == .present else { return 0 }
        guard instance.isHealthy else { return instance.isAliveAndWell ? 2 : 1 }
        if member.duty.isLeaving { return 3 }
        return member.troubles.isEmpty ? 5 : 4
    }

    /// Tells an instance's executor to stop it, from when that is allowed until it has.
    mutating func stop(_ id: InstanceID, _ reason: StopReason, at now: Moment) {
        state.change(id) { $0.stop = Instance.Stop(reason: reason, sent: nil) }
        if mayStop { sendStop(of: id, at: now) } else { wake(.command(id), at: now + settings.resendAfter) }
    }

    /// An instance of the latest generation that stayed HEALTHY long enough clears the back-off.
    private mutating func proveGeneration(of application: inout Application, live: [Instance], at now: Moment) {
        guard application.backoff.failures > 0 else { return }
        let candidates = live.filter { $0.isHealthy && $0.generation == application.backoff.generation }
        guard let since = candidates.compactMap(\.healthySince).min() else { return }
        if now - since >= Backoff.proof {
            application.backoff.proved()
            let generation = application.backoff.generation
            for candidate in live { state.change(candidate.id) { $0.generation = generation } }
        } else {
            wake(.owner(.application(application.id)), at: since + Backoff.proof)
        }
    }
}
