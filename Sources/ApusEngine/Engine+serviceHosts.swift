import ApusModel
import ApusPlacement
import HashTreeCollections

/// Local services, host by host: what is wanted there against what is there.
extension Engine {
    /// How an executor stands to local services.
    enum Stance {
        /// It is to have them.
        case able
        /// What it has stays, nothing is added.
        case keeps
        /// What it has is not known yet.
        case unheard
        /// It is to have none.
        case barred
    }

    /// What one decision about a service has found out and used up.
    private struct Round {
        var targets: Set<InstanceID>
        /// Targets whose turn it is, by the operation's parallelism.
        var current: Set<InstanceID>
        /// How many more an operation lets start beyond repairs; `nil` is no limit.
        var starts: Int?
        /// How many more healthy ones may be stopped before their replacements are there.
        var gaps: Int
        /// The executor with the one test instance.
        var testHost: ExecutorID?
    }

    /// Compares wanted with observed on the hosts that were touched; `nil` is all.
    mutating func reconcile(_ id: ServiceID, on touched: Set<ExecutorID>?, budget: inout Int, at times: Times) {
        guard let service = state.localServices[id] else { return }
        var hosts = touched
        // An operation goes on; whatever else there is to do waits for the end of maintenance.
        guard !isInMaintenance || service.operation != nil else { return }
        if service.operation != nil || service.activation == .configTesting {
            hosts = nil
            if finish(id, at: times) { return }
        }
        guard let service = state.localServices[id] else { return }
        var round = round(of: service)
        if service.activation == .configTesting { round.testHost = testHost(of: service, &budget, at: times) }
        for host in (hosts ?? allHosts(of: service)).sorted() {
            guard budget > 0 else {
                dirtyHosts[id, default: []].insert(host)
                continue
            }
            reconcile(id, on: host, &round, budget: &budget, at: times)
            if state.members[host] != nil { updateAdmission(of: host) }
        }
    }

    private func allHosts(of service: LocalService) -> Set<ExecutorID> {
        Set(service.instances.keys).union(state.members.keys)
    }

    private mutating func reconcile(
        _ id: ServiceID,
        on host: ExecutorID,
        _ round: inout Round,
        budget: inout Int,
        at times: Times
    ) {
        guard let service = state.localServices[id] else { return }
        let reserved = service.reserved[host] ?? []
        for held in reserved { ledger.release(held) }
        if !reserved.isEmpty { state.localServices[id]?.reserved[host] = nil }
        defer { follow(reserved.count, of: id, on: host) }
        proveBackoff(of: id, on: host, at: times.now)
        let stance = stance(of: host)
        if stance == .barred, service.backoffs[host] != nil { state.localServices[id]?.backoffs[host] = nil }
        stopTargets(of: service, on: host, &round, at: times)
        let live = state.instances(of: id, on: host)
        let alive = live.filter(\.isAlive)
        let wanted = stance == .barred ? 0 : wanted(of: service, on: host, round)
        let startsFirst = service.operation?.kind == .replaceInstances && service.operation?.order == .startFirst
        let surge = alive.count { round.current.contains($0.id) }
        let ceiling = wanted + (startsFirst && wanted > 0 ? surge : 0)
        let staying =
            service.operation?.kind == .stopInstances ? alive.filter { !round.targets.contains($0.id) } : alive
        if stance != .unheard, staying.count > ceiling {
            let victims = inOrderOfSurplus(staying).prefix(staying.count - ceiling)
            stopSurplus(of: service, on: host, stance, Array(victims), at: times)
        }
        // Two cannot have the host's port at a time, not even while one of them ends.
        let present = service.spec.isHostLevel ? live.count : alive.count
        guard stance == .able, present < ceiling else {
            // The test instance found no room there.
            let isWaited = service.activation == .configTesting && round.testHost == nil && stance == .able
            if service.shortfalls[host] != nil, !isWaited { state.localServices[id]?.shortfalls[host] = nil }
            return
        }
        let repairs = max(0, wanted - alive.count)
        let isPaced = service.operation?.kind == .adjustInstances
        let most = round.starts.map { max($0, isPaced ? 0 : repairs) } ?? Int.max
        for _ in 0..<min(ceiling - present, most) {
            guard start(service, on: host, budget: &budget, at: times) else { break }
            round.starts? -= 1
        }
        reserve(wanted - state.instances(of: id, on: host).count, of: service, on: host)
    }

    private func wanted(of service: LocalService, on host: ExecutorID, _ round: Round) -> Int {
        guard service.operation?.kind != .destroy else { return 0 }
        switch service.activation {
        case .active: return service.instancesPerHost
        case .configTesting: return host == round.testHost ? 1 : 0
        case .inactive: return 0
        }
    }

    func stance(of host: ExecutorID) -> Stance {
        guard let member = state.members[host], !member.isLost else { return .barred }
        if member.presence == .joining { return .unheard }
        if member.duty.isLeaving { return hasOtherWork(member) ? .keeps : .barred }
        switch ledger.admission(of: host) {
        case .open, .closed(.unready): return .able
        case .closed, nil: return .keeps
        }
    }

    /// Local services go last from an executor that is to be free.
    private func hasOtherWork(_ member: Member) -> Bool {
        guard member.duty != .suspendedAtOnce else { return false }
        return member.instances.contains { id in
            if case .localService = state.instances[id]?.owner { false } else { true }
        }
    }

    // MARK: rounds

    private func round(of service: LocalService) -> Round {
        var round = Round(targets: [], current: [], starts: nil, gaps: 0, testHost: nil)
        guard let operation = service.operation else { return round }
        round.targets = Set(operation.targets)
        let live = state.instances(of: service.id)
        let remaining = operation.targets.filter { state.instances[$0]?.isAlive ?? false }
        switch operation.kind {
        case .replaceInstances:
            round.current = Set(inTurn(remaining, of: service).prefix(operation.parallelism))
            round.gaps = operation.parallelism - missing(of: service)
        case .stopInstances:
            let ending = live.count { round.targets.contains($0.id) && !$0.isAlive }
            round.current = Set(remaining.prefix(max(0, operation.parallelism - ending)))
        case .adjustInstances, .create, .startInstances, .scale, .suspend, .recover, .destroy, .rollout: break
        }
        let pending = live.count { $0.isAlive && !$0.isHealthy && !round.targets.contains($0.id) }
        round.starts = max(0, operation.parallelism - pending)
        return round
    }

    /// Those that can be replaced where they are, last where that was tried and did not succeed: the others need not
    /// wait for them.
    private func inTurn(_ targets: [InstanceID], of service: LocalService) -> [InstanceID] {
        let able = targets.compactMap { state.instances[$0] }.filter { stance(of: $0.executor) == .able }
        let isHindered = { (instance: Instance) in service.obstacle(on: instance.executor) != nil }
        return (able.filter { !isHindered($0) } + able.filter(isHindered)).map(\.id)
    }

    /// How many fewer are healthy than are wanted, over all hosts that can have them.
    private func missing(of service: LocalService) -> Int {
        guard service.activation == .active else { return 0 }
        return state.members.keys.reduce(0) { sum, host in
            guard stance(of: host) == .able else { return sum }
            let healthy = state.instances(of: service.id, on: host).count(where: \.isHealthy)
            return sum + max(0, service.instancesPerHost - healthy)
        }
    }

    /// Where the one test instance is, or is started now; `nil` if that must wait.
    private mutating func testHost(of service: LocalService, _ budget: inout Int, at times: Times) -> ExecutorID? {
        let alive = state.instances(of: service.id).filter(\.isAlive)
        // The one that would be stopped last stays.
        if let best = inOrderOfSurplus(alive).last { return best.executor }
        guard joining.isEmpty, service.operation?.kind != .destroy else { return nil }
        let waits = service.backoffs.values.compactMap { $0.wait(at: times.now) }
        guard let wait = waits.max() else {
            let hosts = state.members.keys.filter { stance(of: $0) == .able }.sorted()
            let first = hosts.isEmpty ? 0 : Int(random.next() % UInt64(hosts.count))
            // What failed is tried again where it failed: a bad image is not carried from machine to machine.
            let tried = hosts.filter { service.backoffs[$0]?.failures ?? 0 > 0 }
            return (tried + hosts[first...] + hosts[..<first]).first {
                start(service, on: $0, budget: &budget, at: times)
            }
        }
        wake(.owner(.localService(service.id)), at: times.now + wait)
        return nil
    }

    // MARK: stopping

    private mutating func stopTargets(
        of service: LocalService,
        on host: ExecutorID,
        _ round: inout Round,
        at times: Times
    ) {
        guard let operation = service.operation, !round.current.isEmpty, !isHeld(orderedAt: service.ordered) else {
            return
        }
        let live = state.instances(of: service.id, on: host)
        let remaining = live.filter { $0.isAlive && round.targets.contains($0.id) }
        guard remaining.contains(where: { round.current.contains($0.id) }) else { return }
        guard mayStop else {
            waiting.waitToStop(.localService(service.id))
            return
        }
        var due = remaining.filter { round.current.contains($0.id) }
        if operation.kind == .replaceInstances, operation.order == .startFirst {
            let others = live.count { $0.isHealthy && !round.targets.contains($0.id) }
            let spare = others - (wanted(of: service, on: host, round) - remaining.count)
            due = Array(due.prefix(max(0, spare)))
        } else if operation.kind == .replaceInstances {
            due = Array(due.prefix(max(0, round.gaps)))
            round.gaps -= due.count(where: \.isHealthy)
        }
        let reason: StopReason = operation.kind == .stopInstances ? .requested : .replaced
        for instance in due { stop(instance.id, reason, at: times.now) }
    }

    private mutating func stopSurplus(
        of service: LocalService,
        on host: ExecutorID,
        _ stance: Stance,
        _ victims: [Instance],
        at times: Times
    ) {
        guard mayStop else {
            waiting.waitToStop(.localService(service.id))
            return
        }
        let reason: StopReason =
            switch (service.operation?.kind, service.activation, stance) {
            case (.destroy, _, _): .destroyed
            case (_, .inactive, _): .scaledDown
            case (_, _, .barred): .suspended
            case (_, .active, _), (_, .configTesting, _): .surplus
            }
        // After an import the counts are old.
        switch reason {
        case .suspended: guard !isHeld(orderedAt: state.members[host]?.dutyOrdered ?? .max) else { return }
        case .surplus: guard !isRestored else { return }
        default: guard !isHeld(orderedAt: service.ordered) else { return }
        }
        for victim in victims { stop(victim.id, reason, at: times.now) }
    }

    /// One that stayed HEALTHY long enough clears the host's back-off.
    private mutating func proveBackoff(of id: ServiceID, on host: ExecutorID, at now: Moment) {
        guard let backoff = state.localServices[id]?.backoffs[host], backoff.failures > 0 else { return }
        let healthy = state.instances(of: id, on: host).filter {
            $0.isHealthy && $0.generation == backoff.generation
        }
        guard let since = healthy.compactMap(\.healthySince).min() else { return }
        if now - since >= Backoff.proof {
            state.localServices[id]?.backoffs[host] = nil
            for instance in healthy { state.change(instance.id) { $0.generation = 0 } }
        } else {
            wake(.host(id, host), at: since + Backoff.proof)
        }
    }

    /// What is kept free there is used as far as others can tell.
    private mutating func follow(_ reserved: Int, of service: ServiceID, on host: ExecutorID) {
        let now = state.localServices[service]?.reserved[host]?.count ?? 0
        guard now != reserved else { return }
        recount.insert(host)
        if now < reserved { roomAppeared(on: host) }
    }

    // MARK: what is to be looked at

    /// Has what belongs to an instance looked at again: a local service's host alone.
    mutating func mark(_ instance: Instance) {
        if case .localService(let service) = instance.owner {
            dirtyHosts[service, default: []].insert(instance.executor)
        } else {
            dirty.insert(instance.owner)
            if let app = instance.app { markPartner(of: app) }
        }
    }

    /// Has all local services looked at on that executor: it takes other work now than before.
    mutating func markServices(on executor: ExecutorID) {
        for id in state.localServices.keys { dirtyHosts[id, default: []].insert(executor) }
    }

    /// Room may have appeared there: who lacks some looks again.
    mutating func roomAppeared(on executor: ExecutorID) {
        recount.insert(executor)
        wakeWaiting()
        for (id, service) in state.localServices where service.shortfalls[executor] != nil {
            dirtyHosts[id, default: []].insert(executor)
        }
    }
}
