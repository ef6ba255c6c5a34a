import ApusModel
import HashTreeCollections

/// ROLLOUT: instances of one application take the place of another's, a few at a time.
///
/// What to do next is computed from what both expect and from what is there: new ones start while there are fewer than
/// `parallelism` beyond the end's count in sum, and for each that is healthy an old one goes. So no fewer are healthy
/// than before or in the end, whichever is less.
extension Engine {
    /// The rollout that the application takes part in; `nil` if there is none.
    func handover(with application: Application) -> Handover? {
        guard let partner = rollouts[application.id].flatMap({ state.applications[$0] }) else { return nil }
        let (new, old) = application.rolledOutTo == nil ? (application, partner) : (partner, application)
        guard let operation = new.operation, let rollout = operation.rollout else { return nil }
        return Handover(operation, rollout, to: new, from: old)
    }

    /// Has the other application of its rollout looked at, if there is one.
    mutating func markPartner(of app: AppID) {
        if let partner = rollouts[app] { dirty.insert(.application(partner)) }
    }

    /// Of a record of an application that takes part in a rollout, or did until this turn, the other one's: neither
    /// holds without what the same turn decided about the other.
    func partner(of record: RecordKey) -> RecordKey? {
        guard record.kind == .application else { return nil }
        let app = AppID(record.id)
        return (rollouts[app] ?? parted[app]).map { RecordKey(.application, $0.rawValue) }
    }

    /// The record that has the operation names the other application, and says what was decided about it.
    ///
    /// Earlier versions stored the two apart when a turn was large: a crash in between left the other one as it was.
    mutating func bindRollouts(at wall: WallTime) {
        for id in state.applications.keys.sorted() {
            guard let rollout = state.applications[id]?.operation?.rollout else { continue }
            state.applications[rollout.from]?.giveWay(leaving: rollout.there, at: wall)
        }
        for application in state.applications.values {
            guard let rollout = application.operation?.rollout else { continue }
            bind(rollout)
            if rollout.failure != nil { state.applications[rollout.from]?.expected = rollout.before }
        }
    }

    private mutating func bind(_ rollout: Rollout) {
        guard state.applications[rollout.from] != nil else { return }
        state.applications[rollout.from]?.rolledOutTo = rollout.to
        (rollouts[rollout.from], rollouts[rollout.to]) = (rollout.to, rollout.from)
    }

    // MARK: the request

    /// Takes it up, if both applications are free and the first round may find room.
    ///
    /// - Returns: why it cannot be done as things are; empty if it was taken up.
    mutating func rollOut(
        _ operation: ApplicationOperation,
        to new: Application,
        from id: AppID,
        _ size: RolloutSize,
        at times: Times
    ) -> [String] {
        guard var old = state.applications[id] else { return ["No state found for app: \(id)"] }
        if let refusal = refusal(of: operation, on: old) { return [refusal] }
        // Three records may be more than one batch.
        for (app, other) in [(id, new.id), (new.id, id)] where parted[app] ?? other != other {
            return ["Another ROLLOUT of app \(app) has ended this very moment: ask again"]
        }
        guard new.spec.serves(insteadOf: old.spec) else {
            return [
                "App \(new.id) cannot take the place of \(id): neither their name nor their virtual host is the same"
            ]
        }
        let (target, share) = target(size, of: new, from: old)
        guard target > 0 else {
            guard size == .asBefore else { return ["App \(new.id) is to have at least 1 instance"] }
            return ["App \(id) expects no instances: say with requiredInstances how many \(new.id) is to have"]
        }
        guard target <= Self.mostInstances else {
            return ["App \(new.id) can have at most \(Self.mostInstances) instances, not \(target)"]
        }
        let (alive, leaving) = (state.aliveInstances(of: new.id), state.aliveInstances(of: id))
        let lacking = lacking(for: target, of: new, from: old, parallelism: operation.opSpec.parallelism)
        guard lacking.isEmpty else { return lacking }
        let before = old.expected
        old.giveWay(leaving: leaving, at: times.wall)
        let rollout = Rollout(from: id, to: new.id, before: before, there: old.expected, shareBefore: old.share)
        old.updated = times.wall
        old.ordered = state.epoch
        state.applications[id] = old
        let steps = max(target - alive, leaving)
        begin(.rollout, expected: target, share: share, operation.opSpec, steps: steps, on: new, at: times) {
            $0.rollout = rollout
        }
        bind(rollout)
        touch(id)
        return []
    }

    private func target(_ size: RolloutSize, of new: Application, from old: Application) -> (Int, CapacityShare?) {
        var followed = capacity
        return switch size {
        case .count(let count): (count, nil)
        case .share(let share): (followed.follow(new.spec, share), share)
        case .asBefore: old.share.map { (followed.follow(new.spec, $0), $0) } ?? (old.expected, nil)
        }
    }

    /// What of the first round, and of the whole beside what goes, cannot fit in the cluster.
    private func lacking(for target: Int, of new: Application, from old: Application, parallelism: Int) -> [String] {
        let (alive, leaving) = (state.aliveInstances(of: new.id), state.aliveInstances(of: old.id))
        // What is too many goes first.
        let surplus = max(0, alive + leaving - target)
        if surplus == 0 {
            let round = min(parallelism, target - alive)
            let lacking = lacking(for: .application(new.spec), instances: round)
            guard lacking.isEmpty else { return lacking }
        }
        let resources = old.spec.resources
        // The last one goes when the last new one is healthy.
        let going = max(0, leaving - 1)
        let freed = (cores: going * resources.cores, memoryMB: Int64(going) * resources.memoryMB)
        return lacking(for: .application(new.spec), instances: target - alive, freed: freed)
    }

    // MARK: one goes as another one comes

    /// How many of what loses are needed as long as those that take their place do not serve, or are about to be
    /// stopped with their executor.
    func needed(in handover: Handover) -> Int {
        let serving = state.unorderedInstances(of: handover.gaining.id).count { serves($0) && !isSuspendedAtOnce($0) }
        return handover.rest + max(0, handover.gaining.expected - serving)
    }

    /// Has no more expected of what loses than are needed; what is too many then is stopped with the same decision.
    mutating func makeWay(_ application: inout Application, in handover: Handover, at times: Times) {
        // When they are heard again, they count again.
        let gaining = state.unorderedInstances(of: handover.gaining.id)
        for instance in gaining where instance.isHealthy && !serves(instance) {
            waiting.wait(.application(application.id), for: instance.executor)
        }
        let needed = needed(in: handover)
        guard needed < application.expected, !isHeld(orderedAt: application.ordered) else { return }
        guard mayStop else {
            waiting.waitToStop(.application(application.id))
            return
        }
        application.expected = needed
        application.share = nil
        follow(application)
        application.updated = times.wall
        touch(application.id)
    }

    /// How many of what gains may be started now.
    func due(in handover: Handover, alive: [Instance]) -> Int {
        let pending = alive.count { !$0.isHealthy && !isLeaving($0) }
        let others = max(handover.losing.expected, state.aliveInstances(of: handover.losing.id))
        let surge = handover.total + handover.operation.parallelism - others - alive.count
        // What was there before and is missing is repaired at once.
        return max(min(handover.operation.parallelism - pending, surge), handover.floor - others - alive.count)
    }

    /// What loses goes, so it counts for no place over which the others are spread; in no order.
    func goingForRollout(of application: Application) -> [InstanceID] {
        guard let handover = handover(with: application), handover.gaining.id == application.id else { return [] }
        return state.unorderedInstances(of: handover.losing.id).map(\.id)
    }
}
