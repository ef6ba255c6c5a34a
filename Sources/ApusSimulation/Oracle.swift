import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// Watches what must hold at every step, with a memory of its own; the first thing that does not is kept.
struct Oracle: Sendable {
    private(set) var violation: String?
    var requests = RequestLedger()
    /// Live instances by the store, and the executors they were placed on.
    private var live: [InstanceID: ExecutorID] = [:]
    /// Ended because their executor was given up: they may still run there.
    private var givenUp: [InstanceID: ExecutorID] = [:]
    /// Ended, and the controller was told so: they run nowhere any more.
    private var over: Set<InstanceID> = []
    /// Ended while the journal could not be written, and then their executor crashed: they may run again, and are
    /// stopped as strays.
    private var undone: Set<InstanceID> = []
    /// Containers that were planted with sound labels.
    private var planted: Set<InstanceID> = []
    /// What runs, and where.
    private var running: [InstanceID: ContainerID] = [:]
    /// Instances that a decision has been checked for.
    private var decided: Set<InstanceID> = []
    private var fences: [Int: Fence] = [:]
    private var epoch: Epoch = 0
    /// Every member there has once acknowledged this leader's epoch.
    private var isAcknowledged = false

    mutating func violated(_ text: String) {
        if violation == nil { violation = text }
    }

    mutating func planted(_ instance: InstanceID) { planted.insert(instance) }

    // MARK: leaders

    mutating func leads(_ epoch: Epoch, _ state: ClusterState, store: SimulatedStore) {
        if epoch <= self.epoch { violated("epoch \(epoch) follows epoch \(self.epoch)") }
        self.epoch = epoch
        isAcknowledged = false
        requests.crashed(store: store)
        decided = Set(state.instances.keys)
        committed(state)
        stored(store)
    }

    // MARK: requests

    mutating func stored(_ store: SimulatedStore) {
        for app in requests.applications {
            if let text = requests.contradiction(app, store: store) { violated(text) }
        }
    }

    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome, store: SimulatedStore) {
        let accepted = requests.answered(request, outcome)
        stored(store)
        guard let accepted, let kind = accepted.kind else { return }
        let record = store.json(RecordKey(.application, accepted.appID.rawValue))
        if record != nil, !RequestLedger.kinds(in: record).contains(kind) {
            violated("an accepted request is lost: \(kind) of \(accepted.appID) is not in its record")
        }
    }

    // MARK: decisions

    /// Never more than expected, plus what is being stopped or may not be stopped yet.
    mutating func decided(_ engine: Engine) {
        let state = engine.state
        let mayStop = state.members.values.allSatisfy {
            $0.presence == .silent || $0.isLost || $0.acknowledged >= state.epoch
        }
        if mayStop { isAcknowledged = true }
        for app in state.applications.keys.sorted() {
            guard let application = state.applications[app] else { continue }
            let instances = state.instances(of: app)
            let alive = instances.count(where: \.isAlive)
            let fresh = instances.filter { !decided.contains($0.id) }
            decided.formUnion(fresh.map(\.id))
            guard alive > application.expected else { continue }
            let text = "\(alive) of \(app) are alive, \(application.expected) are expected"
            if fresh.contains(where: \.isAssigned) { violated("one more was placed although \(text)") }
            let isGathered = instances.allSatisfy { instance in
                state.members[instance.executor].map { $0.incarnation > 0 || $0.isLost } ?? true
            }
            if mayStop, isGathered, !engine.hasWork { violated("\(text), and none is being stopped") }
        }
    }

    /// The store holds what this state says.
    mutating func committed(_ state: ClusterState) {
        for (id, executor) in live.sorted(by: { $0.key < $1.key }) where state.instances[id] == nil {
            live[id] = nil
            if state.members[executor]?.isLost ?? true {
                givenUp[id] = executor
            } else if undone.contains(id) {
                givenUp[id] = executor
            } else if state.ended.values.contains(where: { $0.entry(id)?.cause == .refused }) {
                // Never taken, so a late copy of its START may still be; then it is counted and stopped as surplus.
                givenUp[id] = executor
            } else {
                over.insert(id)
                if running[id] != nil { violated("\(id) ended for the controller, and its container runs") }
            }
        }
        for (id, instance) in state.instances where live[id] == nil {
            live[id] = instance.executor
            givenUp[id] = nil
            if over.contains(id) { violated("\(id) had ended and is live again") }
        }
    }

    /// A START leaves only after its assignment is stored, a STOP only after every member has heard of this leader.
    mutating func leaves(_ command: NodeCommand, store: SimulatedStore) {
        if command.fence.epoch != store.epoch { violated("a command of epoch \(command.fence.epoch) leaves") }
        guard case .start(let spec) = command.order else {
            if !isAcknowledged { violated("a STOP leaves before every member has acknowledged epoch \(epoch)") }
            return
        }
        let hint = store.json(RecordKey(.hint, command.executor.rawValue))
        guard case .array(let listed) = hint?["instances"] ?? .null else {
            violated("the START of \(spec.id) leaves before its assignment is stored")
            return
        }
        if !listed.contains(where: { $0["id"] == spec.id.json }) {
            violated("the START of \(spec.id) leaves before its assignment is stored")
        }
    }

    // MARK: executors

    /// The executor answered that it has taken this command: it is durable.
    mutating func acknowledged(_ fence: Fence, by executor: Int) {
        fences[executor] = max(fence, fences[executor] ?? fence)
    }

    mutating func remembers(_ fence: Fence?, executor: Int) {
        guard let last = fences[executor], fence.map({ $0 < last }) ?? true else { return }
        violated("executor e\(executor) forgot command \(last.epoch).\(last.sequence)")
    }

    /// The executor's process is gone, and its journal does not say that this instance had ended.
    mutating func undone(_ id: InstanceID, on executor: ExecutorID) {
        undone.insert(id)
        if over.remove(id) != nil { givenUp[id] = executor }
    }

    // MARK: containers

    /// A container begins to run.
    mutating func starts(_ container: SimulatedContainers.Container, on host: SimulatedExecutor) {
        guard let labels = container.labels else { return }
        let id = labels.instance
        if let other = running[id], other != container.id { violated("\(id) runs twice: \(other) and \(container.id)") }
        running[id] = container.id
        guard !planted.contains(id) else { return }
        let place = live[id] ?? givenUp[id]
        if place == nil { violated("\(id) runs on e\(host.index), and the store has no assignment of it") }
        if let place, place != host.identity.id { violated("\(id) runs on e\(host.index), and was placed elsewhere") }
        if over.contains(id) { violated("\(id) had ended and runs again") }
        checkCores(of: container, labels, on: host)
    }

    private mutating func checkCores(
        of container: SimulatedContainers.Container,
        _ labels: FoundLabels,
        on host: SimulatedExecutor
    ) {
        let cores = Set(labels.allocation.cores)
        var memory = labels.allocation.memoryMB
        for other in host.containers.sorted where other.isRunning && other.id != container.id {
            guard let held = other.labels, !planted.contains(held.instance),
                held.allocation.numaNode == labels.allocation.numaNode
            else { continue }
            memory += held.allocation.memoryMB
            if let core = held.allocation.cores.first(where: cores.contains) {
                violated("core \(core) of e\(host.index) is held by \(labels.instance) and \(held.instance)")
            }
        }
        let node = host.description.topology.nodes.first { $0.id == labels.allocation.numaNode }
        if memory > node?.memoryMB ?? 0 { violated("the memory of e\(host.index) is given out twice") }
    }

    mutating func ends(_ container: SimulatedContainers.Container) {
        guard let id = container.labels?.instance, running[id] == container.id else { return }
        running[id] = nil
    }

    /// Somebody else's container is never stopped or removed.
    mutating func touches(_ container: SimulatedContainers.Container) {
        guard container.origin == .foreign || container.origin == .damaged else { return }
        violated("\(container.id) is not ours and was stopped or removed")
    }
}

extension Instance {
    var isAssigned: Bool {
        if case .assigned = progress { true } else { false }
    }
}

extension ApplicationOperation {
    /// The kind its record shows; `nil` for a creation that wants nothing.
    var kind: String? {
        switch self {
        case .create(_, let instances, _): instances > 0 ? "CREATE" : nil
        case .scale: "SCALE"
        case .suspend: "SUSPEND"
        case .recover: "RECOVER"
        case .destroy: "DESTROY"
        case .startInstances, .stopInstances, .replaceInstances: nil
        }
    }
}
