import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// Watches what must hold at every step, with a memory of its own; the first thing that does not is kept.
struct Oracle: Sendable {
    private(set) var violation: String?
    var requests: RequestLedger
    var tasks: TaskLedger
    var services: ServiceLedger
    var spread = SpreadLedger()
    var histories: HistoryLedger

    // What the store says.
    /// Live instances, and the executors they were placed on.
    var live: [InstanceID: ExecutorID] = [:]
    /// Ended without their executor's word for it: they may still run there.
    var givenUp: [InstanceID: ExecutorID] = [:]
    /// Ended, and the controller was told so: they run nowhere any more.
    var over: Set<InstanceID> = []
    /// Whose they were, as long as the store knows that they have ended: a report that comes late says otherwise, and
    /// nobody can tell once their application is forgotten.
    var owners: [InstanceID: Owner] = [:]

    /// When the last turn was decided that is stored.
    var committedAt = Moment.zero

    // The leader.
    var epoch: Epoch = 0
    /// Every member there has once said that it knows this leader's epoch.
    var isAcknowledged = false
    /// The highest epoch that each executor's reports named.
    var named: [NodeKey: Epoch] = [:]
    /// Executors that this leader has not heard, by the applications that have instances there.
    var unheard: [AppID: Set<ExecutorID>] = [:]
    /// Instances whose STARTs and STOPs have left this leader.
    var startsSent: Set<InstanceID> = []
    var stopsSent: Set<InstanceID> = []
    /// Where a task's START went.
    var taskPlaces: [TaskID: (instance: InstanceID, executor: ExecutorID)] = [:]
    /// Instances whose executors had no room for them.
    var unhoused: Set<InstanceID> = []
    /// Since when this leader has listened without a pause, and when it last heard each executor.
    var listeningSince = Moment.zero
    var heardAt: [NodeKey: Moment] = [:]
    /// When a command, or a look, last did not reach an executor.
    var unreachedAt: [ExecutorID: Moment] = [:]
    /// The runs of each executor's process that this leader has reached.
    var reached: [ExecutorID: Set<Int64>] = [:]
    /// When something of an executor last changed that its channels hang on, and when nothing could be decided.
    var disturbedAt: [Int: Moment] = [:]
    var undecidedAt = Moment.zero
    var channelsNamed: [NodeChannel: Int] = [:]
    /// Since when each application has lacked instances for which there is room.
    var shortSince: [AppID: Moment] = [:]
    /// The epoch with which the store was restored, and whether that was confirmed; `nil` if it never was.
    var restoration: (epoch: Epoch, isConfirmed: Bool)?
    /// When people last confirmed what was held.
    var confirmedAt = Moment.zero
    /// What leaders were told of each instance's health.
    var wellness = Wellness()

    // Executors.
    var fences: [Int: Fence] = [:]
    /// Instances that commands were about which were not of an old epoch, by executor.
    var startsArrived: [Int: Set<InstanceID>] = [:]
    var stopsArrived: [Int: Set<InstanceID>] = [:]
    /// When a leader that can commit was last heard, or the process began.
    var led: [Int: Moment] = [:]
    /// Containers whose last check passed.
    var passing: Set<ContainerID> = []

    // Containers.
    /// Those that were planted with sound labels.
    var planted: Set<InstanceID> = []
    /// What runs, and where.
    var running: [InstanceID: ContainerID] = [:]
    /// The labels with which each instance began to run.
    var begun: [InstanceID: FoundLabels] = [:]
    /// Started again in place by the run of the process that is there, by executor: nothing of it may change.
    var again: [InstanceID: Int] = [:]

    init(_ retention: Retention) {
        requests = RequestLedger(keeps: retention.applications)
        tasks = TaskLedger(keeps: retention.tasks)
        services = ServiceLedger(keeps: retention.services)
        histories = HistoryLedger(most: retention.mostInstances, keeps: retention.instances)
    }

    mutating func violated(_ text: String?) {
        if violation == nil { violation = text }
    }

    mutating func planted(_ instance: InstanceID) { planted.insert(instance) }

    // MARK: requests

    mutating func taken(_ request: RequestID, _ command: Command) {
        requests.taken(request, command)
        tasks.taken(request, command)
        services.taken(request, command)
        spread.taken(request, command)
    }

    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome, store: SimulatedStore) {
        violated(tasks.answered(request, outcome, store: store))
        services.answered(request, outcome)
        spread.answered(request, outcome)
        let apps = requests.applications(of: request)
        let accepted = requests.answered(request, outcome, store: store)
        // What was stored while the answer was awaited is what the store has chosen.
        for app in apps { violated(requests.contradiction(app, store: store)) }
        guard let app = accepted?.app, let kind = accepted?.kind else { return }
        let record = store.json(RecordKey(.application, app.rawValue))
        if record != nil, !RequestLedger.kinds(in: record).contains(kind) {
            violated("an accepted request is lost: \(kind) of \(app) is not in its record")
        }
    }

    /// What the store says of applications is what was promised.
    mutating func stored(_ store: SimulatedStore) {
        for app in requests.applications { violated(requests.contradiction(app, store: store)) }
        violated(services.contradiction(store: store))
        violated(spread.contradiction(store: store))
    }

    mutating func stored(_ batch: Batch, store: SimulatedStore, wall: WallTime) {
        violated(tasks.stored(batch, store: store, wall: wall))
        histories.stored(batch)
        for case .delete(let key) in batch.writes where key.kind == .application {
            owners = owners.filter { $0.value != .application(AppID(key.id)) }
        }
        for write in batch.writes where write.key.kind == .localService {
            violated(services.stored(ServiceID(write.key.id), store: store, wall: wall))
        }
        for write in batch.writes where write.key.kind == .application {
            violated(requests.stored(AppID(write.key.id), store: store, wall: wall))
        }
        if batch.writes.contains(where: { $0.key.kind == .cluster }) { violated(spread.contradiction(store: store)) }
    }

    // MARK: the committed state

    /// The store holds what this state says; what ended since it was looked last ended after `before`.
    mutating func committed(_ state: ClusterState, since before: Moment, at now: Moment) {
        violated(Self.miscount(in: state))
        for (id, executor) in live.sorted(by: { $0.key < $1.key }) where state.instances[id] == nil {
            live[id] = nil
            histories.ended(id, owners[id], state, after: before)
            if isUncertain(id, on: executor, state) {
                givenUp[id] = executor
            } else {
                over.insert(id)
                if running[id] != nil { violated("\(id) ended for the controller, and its container runs") }
            }
        }
        for (id, instance) in state.instances where live[id] == nil {
            live[id] = instance.executor
            givenUp[id] = nil
            if over.contains(id), owners[id] != nil { violated("\(id) had ended and is live again") }
            owners[id] = instance.owner
        }
        violated(histories.contradiction(state, &owners, at: now))
        committedAt = before
    }

    private func isUncertain(_ id: InstanceID, on executor: ExecutorID, _ state: ClusterState) -> Bool {
        if state.members[executor]?.isLost ?? true { return true }
        // Never taken, so a late copy of its START may still be; then it is counted and stopped as surplus.
        if state.ended.values.contains(where: { $0.entry(id)?.cause == .refused }) { return true }
        let end = state.tasks.values.lazy.compactMap(\.end).first { $0.place?.instance == id }
        return end?.state == .lost || end?.cause == .refused
    }
}
