package import ApusModel
import ApusPlacement
import HashTreeCollections
import HeapModule

/// Decides everything about the cluster; does nothing itself.
///
/// A value with one way to change: inputs are taken (`take`), then what they touched is decided (`decide`), which gives
/// the records to store and the effects to release once they are stored. It reads no clock, draws only from its seed,
/// never awaits and never throws. `Turn` keeps the order *step, commit, release*.
package struct Engine: Sendable {
    package internal(set) var state: ClusterState
    /// What the store holds, as long as nobody has taken it.
    private var loaded: ClusterState?
    private(set) var settings: EngineSettings
    var random: SplitMix64
    var ledger = Ledger()
    /// What has to be compared with what is wanted.
    var dirty: Set<Owner> = []
    /// What waits for something else than time: looked at again when that may have come.
    var waiting = Waiting()
    /// Local services' hosts to be compared; a service that is dirty itself is compared on all.
    var dirtyHosts: [ServiceID: Set<ExecutorID>] = [:]
    var timers: Heap<Timer> = []
    var timerOrder: UInt64 = 0
    /// When each is looked at next: it says itself when it wants to be looked at again.
    private var alarms: [Timer.Subject: Moment] = [:]
    /// Members on which something is held, or no longer, since their usage was counted.
    var recount: Set<ExecutorID> = []
    /// Records that this turn changed.
    var touched: Set<RecordKey> = []
    /// What else this turn changed that is told: see `Changes`.
    var noted = Changes()
    var effects: [Effect] = []
    package internal(set) var tally = Tally()
    /// Members whose work is to be elsewhere.
    var leaving: Set<ExecutorID> = []
    /// Members that have neither spoken to this leader nor were given up.
    var unheard: Set<ExecutorID> = []
    /// These have strays that found no place among those that are dealt with.
    var overlooked: Set<ExecutorID> = []
    /// Members whose full list is still to come.
    var joining: Set<ExecutorID> = []
    /// Members that are silent and not given up.
    var silent: Set<ExecutorID> = []
    /// Members that are given up.
    var lost: Set<ExecutorID> = []
    var outlook = Outlook.clear
    /// The members that are there and have not recorded this epoch.
    var behind: Set<ExecutorID> = []
    /// Every member has recorded this epoch, or is not there to obey an older one.
    var mayStop = false
    /// The greatest sequence of a command to a member that was forgotten since.
    var sequenceForgotten: Int64 = 0
    /// The greatest epoch met on an executor that this leader did not give it.
    var epochMet: Epoch?
    /// For those whose expected count is a share of it.
    var capacity = CapacityBook()
    /// Of each application that takes part in a rollout the other one.
    var rollouts: [AppID: AppID] = [:]
    /// The same of those whose rollout this turn ended.
    var parted: [AppID: AppID] = [:]
    /// When executors were last told to be refused, by what was told.
    var refusals: [Refused.Key: Moment] = [:]
    /// Which record of its executor each instance stands in.
    var hints = HintPages()
    /// By which age is counted.
    var clock: SoundClock
    /// Since then it leads.
    let began: Moment
    private var lastInput: Moment
    private var notListening: Duration = .zero

    /// A clock entry: look at that thing then.
    struct Timer: Comparable {
        enum Subject: Hashable {
            case member(ExecutorID)
            /// Its port is to be looked at.
            case contact(ExecutorID)
            case owner(Owner)
            case command(InstanceID)
            case retention
            case stray(InstanceID)
            /// A local service on one executor.
            case host(ServiceID, ExecutorID)
        }
        var due: Moment
        var order: UInt64
        var subject: Subject

        static func < (left: Self, right: Self) -> Bool { (left.due, left.order) < (right.due, right.order) }
        static func == (left: Self, right: Self) -> Bool { left.order == right.order }
    }

    /// An engine that leads from now on, with what the store holds.
    ///
    /// - Throws: `JSONError` naming a record that cannot be read: nothing may be decided without it.
    package init(
        cluster: ClusterID,
        epoch: Epoch,
        seed: UInt64,
        records: [Record],
        settings: EngineSettings = EngineSettings(),
        at times: Times
    ) throws(JSONError) {
        state = ClusterState(cluster: cluster)
        state.epoch = epoch
        self.settings = settings
        random = SplitMix64(seed: seed)
        (began, lastInput) = (times.now, times.now)
        clock = SoundClock(stored: nil, at: times)
        try load(records, at: times)
        startRetention(at: times)
        countUsage()
        loaded = state
        endLost(at: times)
        countUsage()
        mayStop = behind.isEmpty
        dirty = Set(state.applications.keys.map(Owner.application)).union(state.tasks.keys.map(Owner.task))
            .union(state.localServices.keys.map(Owner.localService))
    }

    /// The state as the store holds it: what taking over ended is told as the difference to it.
    mutating func takeLoaded() -> ClusterState {
        defer { loaded = nil }
        return loaded ?? state
    }

    /// Takes one input into the state; decisions wait for `decide`.
    package mutating func take(_ input: Input, at times: Times) {
        listen(at: times.now)
        switch input {
        case .command(let request, let command):
            let before = operation(underWayOf: command)
            effects.append(.answer(request, accept(command, at: times)))
            if let begun = operation(underWayOf: command), begun.id != before?.id { noted.begun[request] = begun }
        case .report(let request, let report, let isListed, let source):
            effects.append(.reply(request, apply(report, isListed: isListed, from: source, at: times)))
        case .answered(let executor, let command, let answer):
            apply(answer, to: command, from: executor, at: times)
        case .sendFailed(let executor, _, let reason):
            // Its timer sends it again.
            notReached(executor, reason, at: times.now)
        case .keep(let retention):
            settings.retention = retention
            wake(.retention, at: times.now + retention.checkInterval)
        case .probed(let probe, let outcome): apply(outcome, of: probe, at: times.now)
        case .standbys(let views): apply(views, at: times)
        case .tick: break
        }
    }

    /// The operation under way of what is asked to change.
    private func operation(underWayOf command: Command) -> AuditOperation? {
        let (operation, owner): (Operation?, Owner)
        switch command {
        case .application(let asked):
            (operation, owner) = (state.applications[asked.appID]?.operation, .application(asked.appID))
        case .localService(let asked):
            (operation, owner) = (state.localServices[asked.serviceID]?.operation, .localService(asked.serviceID))
        case .cancel, .cancelService, .task, .forget, .cluster: return nil
        }
        return operation.map { AuditOperation($0, of: AuditSubject(owner)) }
    }

    /// Compares wanted with observed for all that was touched, and chooses.
    package mutating func decide(at times: Times) {
        listen(at: times.now)
        holdStops()
        fireTimers(at: times)
        followCapacity(at: times)
        var budget = settings.placementsPerTurn
        let trials = waiting.takeTrials()
        dirty.formUnion(trials.map(\.owner))
        for (service, hosts) in dirtyHosts.sorted(by: { $0.key < $1.key }) {
            dirtyHosts[service] = nil
            guard !dirty.contains(.localService(service)) else { continue }
            reconcile(service, on: hosts, budget: &budget, at: times)
        }
        for owner in dirty.sorted() {
            guard budget > 0 else { break }
            dirty.remove(owner)
            reconcile(owner, budget: &budget, at: times)
        }
        for trial in trials { goOn(after: trial, budget: &budget, at: times) }
        settleDuties(at: times)
        recordStates(at: times.wall)
        countUsage()
    }

    private mutating func countUsage() {
        for member in recount { state.members[member]?.usage = ledger.sums(of: member) }
        recount = []
    }

    mutating func reconcile(_ owner: Owner, budget: inout Int, at times: Times) {
        switch owner {
        case .application(let app): reconcile(app, budget: &budget, at: times)
        case .task(let task): reconcile(task, budget: &budget, at: times)
        case .localService(let service): reconcile(service, on: nil, budget: &budget, at: times)
        }
    }

    /// More was touched than one turn may decide: another should follow at once.
    package var hasWork: Bool { !dirty.isEmpty || !dirtyHosts.isEmpty || waiting.hasWork || capacity.hasMoved }

    /// What may have changed since the last call; to be taken before its batches are.
    mutating func takeChanges() -> Changes {
        defer { noted = Changes() }
        noted.instances = state.takeMoves()
        noted.records = touched
        return noted
    }

    /// The records that changed since the last call, in batches that a store takes; none if none did.
    ///
    /// Each batch holds by itself; what a crash between two of them leaves open, `endLost` ends.
    package mutating func takeBatches(at times: Times) -> [Batch] {
        let groups = inseparable(touched).map { keys in keys.map { write(for: $0, at: times) } }
        (touched, parted) = ([], [:])
        return Batch.all(of: groups, at: state.epoch)
    }

    /// What must be stored together or not at all: those of a rollout's two applications; each other record is alone.
    ///
    /// Two of the largest fit into one batch.
    private func inseparable(_ keys: Set<RecordKey>) -> [[RecordKey]] {
        var left = keys
        return keys.sorted().compactMap { key in
            guard left.remove(key) != nil else { return nil }
            return [key] + [partner(of: key).flatMap { left.remove($0) }].compactMap(\.self)
        }
    }

    /// The effects since the last call, in order.
    ///
    /// A START whose instance ended after it was decided does not leave: nothing is stored of it any more.
    package mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects.filter { effect in
            guard case .send(_, let command) = effect, case .start(let spec) = command.order else { return true }
            return state.instances[spec.id] != nil
        }
    }

    /// Effects that may not leave yet: they come first in the next `takeEffects`.
    mutating func putBack(_ held: [Effect]) { effects = held + effects }

    // MARK: clocks

    /// The clock by which members are judged: it stands still while this leader was not listening.
    func listening(_ now: Moment) -> Moment { now - notListening }

    /// A pause of the loop longer than a heartbeat is no member's fault.
    private mutating func listen(at now: Moment) {
        let gap = now - lastInput
        if gap > settings.heartbeat { notListening += gap }
        if now > lastInput { lastInput = now }
    }

    mutating func wake(_ subject: Timer.Subject, at due: Moment) {
        if let alarm = alarms[subject], alarm <= due { return }
        alarms[subject] = due
        timerOrder += 1
        timers.insert(Timer(due: due, order: timerOrder, subject: subject))
    }

    /// Members come first: what they no longer have needs no command.
    private mutating func fireTimers(at times: Times) {
        var (members, others): ([ExecutorID], [Timer.Subject]) = ([], [])
        while let timer = timers.min, timer.due <= times.now {
            timers.removeMin()
            if alarms[timer.subject] == timer.due { alarms[timer.subject] = nil }
            if case .member(let member) = timer.subject {
                members.append(member)
            } else {
                others.append(timer.subject)
            }
        }
        // Whether anybody is given up hangs on how many are silent.
        members.sort()
        for member in members { noteSilence(of: member, at: times) }
        lookAround(at: times.now)
        for member in members { watch(member, at: times) }
        for subject in others {
            switch subject {
            case .member: break
            case .contact(let member): look(at: member, at: times.now)
            case .owner(let owner): dirty.insert(owner)
            case .command(let instance): repeatCommand(for: instance, at: times)
            case .retention: removeStale(at: times)
            case .stray(let instance): repeatStop(ofStray: instance, at: times)
            case .host(let service, let executor): dirtyHosts[service, default: []].insert(executor)
            }
        }
    }

    /// When the listening clock will show `moment` at the earliest.
    func soonest(_ moment: Moment) -> Moment { moment + notListening }
}

extension Moment {
    static func - (moment: Moment, span: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds &- span.nanoseconds)
    }
}
