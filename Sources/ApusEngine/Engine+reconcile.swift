import ApusModel
import ApusPlacement
import HashTreeCollections

/// The level-triggered heart: what is wanted against what is there, for one application.
extension Engine {
    mutating func reconcile(_ id: AppID, budget: inout Int, at times: Times) {
        guard var application = state.applications[id] else { return }
        let live = state.instances(of: id)
        guard isGathered(live) else {
            waiting.insert(.application(id))
            return
        }
        if finish(&application, live: live, at: times) { return }
        proveGeneration(of: &application, live: live, at: times.now)
        state.applications[id] = application

        let alive = live.filter(\.isAlive)
        if alive.count > application.expected {
            stopSurplus(of: application, alive: alive, at: times)
        } else if alive.count < application.expected {
            startMissing(of: application, alive: alive, budget: &budget, at: times)
        } else {
            state.applications[id]?.shortfall = nil
        }
    }

    /// Nothing is repaired on hearsay: each member that a hint names has spoken to this leader, or was given up.
    private func isGathered(_ live: [Instance]) -> Bool {
        live.allSatisfy { instance in
            guard let member = state.members[instance.executor] else { return true }
            return member.incarnation > 0 || member.isLost
        }
    }

    // MARK: starting

    private mutating func startMissing(
        of application: Application,
        alive: [Instance],
        budget: inout Int,
        at times: Times
    ) {
        if let wait = application.backoff.wait(at: times.now) {
            wake(.owner(.application(application.id)), at: times.now + wait)
            return
        }
        var wanted = application.expected - alive.count
        if let operation = application.operation {
            wanted = min(wanted, operation.parallelism - alive.count { !$0.isHealthy })
        }
        for _ in 0..<max(0, wanted) {
            guard budget > 0 else {
                dirty.insert(.application(application.id))
                return
            }
            guard start(application, at: times) else { return }
            budget -= 1
        }
    }

    /// Places and commits one more instance.
    ///
    /// - Returns: `false` if there is no room; the reason shows in the application.
    private mutating func start(_ application: Application, at times: Times) -> Bool {
        let id = InstanceID("AI-\(random.uuid())")
        let request = PlacementRequest(
            instance: id,
            app: application.id,
            cores: application.spec.resources.cores,
            memoryMB: application.spec.resources.memoryMB,
            quantities: [:],
            policy: application.spec.placementPolicy ?? .any,
            avoiding: []
        )
        switch ledger.place(request, tieBreak: random.next()) {
        case .refused(let refusal):
            if application.shortfall?.text != refusal.text {
                effects.append(.note("\(application.id) has no room: \(refusal.text)"))
            }
            state.applications[application.id]?.shortfall = refusal
            waiting.insert(.application(application.id))
            return false
        case .placed(let executor, let allocation):
            let instance = Instance(
                id: id,
                owner: .application(application.id),
                executor: executor,
                allocation: allocation,
                epoch: state.epoch,
                created: times.wall,
                updated: times.wall,
                state: .pending,
                ports: [],
                error: "",
                cause: nil,
                progress: .assigned(sent: nil),
                stop: nil,
                healthySince: nil,
                generation: application.backoff.generation
            )
            insert(instance)
            state.applications[application.id]?.shortfall = nil
            sendStart(of: id, at: times.now)
            return true
        }
    }

    // MARK: stopping

    /// Scale down takes those on silent executors first, then what is not healthy yet, then the oldest.
    private mutating func stopSurplus(of application: Application, alive: [Instance], at times: Times) {
        guard mayStop else {
            waiting.insert(.application(application.id))
            return
        }
        let reason: StopReason =
            switch application.operation?.kind {
            case .destroy: .destroyed
            case .scale, .suspend: .scaledDown
            case .create, .recover, nil: .surplus
            }
        let victims = alive.sorted { left, right in
            let (first, second) = (victimRank(left), victimRank(right))
            return first == second ? (left.created, left.id) < (right.created, right.id) : first < second
        }
        for victim in victims.prefix(alive.count - application.expected) {
            state.instances[victim.id]?.stop = Instance.Stop(reason: reason, sent: nil)
            sendStop(of: victim.id, at: times.now)
        }
    }

    private func victimRank(_ instance: Instance) -> Int {
        guard state.members[instance.executor]?.presence == .present else { return 0 }
        return instance.isHealthy ? 2 : 1
    }

    // MARK: operations end

    /// Ends the operation if it is done or out of time.
    ///
    /// - Returns: `true` if the application is gone with it.
    private mutating func finish(_ application: inout Application, live: [Instance], at times: Times) -> Bool {
        guard let operation = application.operation else { return false }
        if isDone(operation, application, live: live) {
            guard operation.kind != .destroy else {
                forget(application.id)
                return true
            }
            end(&application, with: operation.ended(.succeeded, "", at: times.wall), at: times)
        } else if operation.deadline <= times.now {
            let reason =
                "not done within \(operation.timeout.json.text ?? ""): \(standing(of: application, live: live))"
            end(&application, with: operation.ended(.failed, reason, at: times.wall), at: times)
            effects.append(.note("\(operation.kind.rawValue) of \(application.id) failed: \(reason)"))
        } else {
            wake(.owner(.application(application.id)), at: operation.deadline)
        }
        return false
    }

    private func isDone(_ operation: Operation, _ application: Application, live: [Instance]) -> Bool {
        switch operation.kind {
        case .create, .recover, .scale:
            live.count == application.expected && live.allSatisfy(\.isHealthy)
        case .suspend, .destroy:
            live.isEmpty
        }
    }

    private func standing(of application: Application, live: [Instance]) -> String {
        let healthy = live.count(where: \.isHealthy)
        var text = "\(healthy) of \(application.expected) healthy"
        if live.count > application.expected { text += ", \(live.count - application.expected) not gone yet" }
        if let shortfall = application.shortfall { text += "; no room: \(shortfall.text)" }
        if !application.backoff.reason.isEmpty { text += "; last failure: \(application.backoff.reason)" }
        return text
    }

    private mutating func end(_ application: inout Application, with ended: EndedOperation, at times: Times) {
        application.operation = nil
        application.lastOperation = ended
        application.updated = times.wall
        touched.insert(RecordKey(.application, application.id.rawValue))
    }

    private mutating func forget(_ app: AppID) {
        for page in state.ended[app]?.pages ?? [] { touched.insert(Self.endedKey(app, page: page.number)) }
        state.ended[app] = nil
        state.applications[app] = nil
        touched.insert(RecordKey(.application, app.rawValue))
        effects.append(.note("\(app) is destroyed"))
    }

    /// An instance of the latest generation that stayed HEALTHY long enough clears the back-off.
    private mutating func proveGeneration(of application: inout Application, live: [Instance], at now: Moment) {
        guard application.backoff.failures > 0 else { return }
        let candidates = live.filter { $0.isHealthy && $0.generation == application.backoff.generation }
        guard let since = candidates.compactMap(\.healthySince).min() else { return }
        if now - since >= Backoff.proof {
            application.backoff.proved()
            let generation = application.backoff.generation
            for candidate in live { state.instances[candidate.id]?.generation = generation }
        } else {
            wake(.owner(.application(application.id)), at: since + Backoff.proof)
        }
    }
}
