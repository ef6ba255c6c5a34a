import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// One engine under its turn, a store in memory, and executors that say what a test tells them to.
struct Bench {
    static let cluster = ClusterID("C")
    var turn: Turn
    var now = Times(now: .zero, wall: WallTime(milliseconds: 1_000_000))
    var store: [RecordKey: [UInt8]] = [:]
    var executors: [ExecutorID: TestExecutor] = [:]
    var sent: [NodeCommand] = []
    var outcomes: [RequestID: CommandOutcome] = [:]
    var replies: [RequestID: ReportAnswer] = [:]
    var notes: [String] = []
    var events: [ClusterEvent] = []
    var decisions: [Decision] = []
    /// That of an executor, when it is greater than the leader's.
    var epochMet: Epoch?
    /// Executors whose ports are not reached.
    var unreached: Set<ExecutorID> = []
    /// Looks at executors' ports whose outcome is to be told.
    private var probes: [Probe] = []
    /// The last of each.
    private(set) var looks: [ExecutorID: Probe] = [:]
    /// How often it was asked what standbys reach.
    private(set) var questions = 0
    /// To whom the leadership was to go.
    private(set) var successors: [String] = []
    private let settings: EngineSettings
    /// Where a START was sent, whether it arrived or not.
    private(set) var startedAt: Set<ExecutorID> = []
    private var lastRequest: RequestID = 0

    init(
        executors count: Int = 1,
        cores: Int = 8,
        memoryMB: Int64 = 8192,
        epoch: Epoch = 1,
        settings: EngineSettings = EngineSettings()
    ) throws {
        self.settings = settings
        turn = Turn(
            engine: try Engine(
                cluster: Self.cluster,
                epoch: epoch,
                seed: 42,
                records: [],
                settings: settings,
                at: now
            )
        )
        for number in 0..<count {
            let executor = TestExecutor(number: number, cores: cores, memoryMB: memoryMB)
            executors[executor.identity.id] = executor
        }
        beat()
        beat()
    }

    var ids: [ExecutorID] { executors.keys.sorted() }

    /// Takes an input, decides, stores and releases.
    mutating func take(_ input: Input) {
        collect(turn.take(input, at: now))
        settle()
    }

    mutating func settle() {
        guard turn.pending == nil else { return }
        repeat {
            let before = turn.committed
            var step = turn.close(at: now)
            while case .commit(let batch) = step {
                for write in batch.writes {
                    switch write {
                    case .put(let key, let bytes): store[key] = bytes
                    case .delete(let key): store[key] = nil
                    }
                }
                step = turn.stored()
            }
            events += turn.committed.events(since: before, turn.changes, leader: "leader")
            decisions += turn.committed.decisions(since: before, turn.changes)
            if case .release(let effects) = step { collect(effects) }
        } while turn.hasWork
        let state = turn.committed
        for app in state.applications.keys {
            let alive = state.instances.values.count { $0.app == app && $0.isAlive }
            #expect(state.aliveInstances(of: app) == alive, "what is kept count of is what is there")
        }
        guard !probes.isEmpty else { return }
        let probe = probes.removeFirst()
        take(.probed(probe, outcome(of: probe)))
    }

    /// Whoever is there says who it is.
    private func outcome(of probe: Probe) -> ProbeOutcome {
        guard !unreached.contains(probe.executor), let identity = executors[probe.executor]?.identity else {
            return .failed("connection refused")
        }
        return .answered(identity.cluster, identity.id, incarnation: identity.incarnation)
    }

    mutating func collect(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .answer(let request, let outcome): outcomes[request] = outcome
            case .reply(let request, let answer): replies[request] = answer
            case .send(_, let command): sent.append(command)
            case .raiseEpoch(let met): epochMet = met
            case .probe(let probe):
                probes.append(probe)
                looks[probe.executor] = probe
            case .askStandbys: questions += 1
            case .handOver(let successor): successors.append(successor)
            case .note(let text): notes.append(text)
            }
        }
    }

    @discardableResult
    mutating func ask(_ operation: ApplicationOperation) -> CommandOutcome? { ask(.application(operation)) }

    @discardableResult
    mutating func ask(_ operation: TaskOperation) -> CommandOutcome? { ask(.task(operation)) }

    @discardableResult
    mutating func ask(_ command: Command) -> CommandOutcome? {
        lastRequest += 1
        take(.command(lastRequest, command))
        return outcomes[lastRequest]
    }

    /// Delivers all commands that were sent; each executor takes them as a sound one does.
    mutating func deliver(failing: Set<ExecutorID> = []) {
        let commands = sent
        sent = []
        for command in commands {
            if case .start = command.order { startedAt.insert(command.executor) }
            if failing.contains(command.executor) {
                take(.sendFailed(command.executor, command, reason: "connection refused"))
            } else {
                executors[command.executor]?.obey(command, at: now.wall)
            }
        }
    }

    /// Each executor (or the given ones) reports what changed; the answers come back.
    mutating func beat(_ only: [ExecutorID]? = nil) {
        for id in only ?? ids {
            guard let report = executors[id]?.report() else { continue }
            lastRequest += 1
            take(.report(lastRequest, report))
            if let answer = replies[lastRequest] { executors[id]?.hear(answer) }
        }
    }

    mutating func pass(_ span: Duration) {
        now.now = now.now + span
        now.wall.milliseconds += span.milliseconds
    }

    /// Lets time pass in steps of half a second, all executors (or the given ones) beating.
    ///
    /// What is sent to those `failing` does not arrive, and the engine is told so; without `delivering`, nothing is said.
    mutating func live(
        _ span: Duration,
        beating: [ExecutorID]? = nil,
        failing: Set<ExecutorID> = [],
        delivering: Bool = true
    ) {
        var left = span
        while left > .zero {
            pass(.milliseconds(500))
            left -= .milliseconds(500)
            take(.tick)
            if delivering { deliver(failing: failing) }
            beat(beating)
        }
    }

    /// Delivers and reports until nothing is on its way, everything told to start being HEALTHY.
    mutating func converge() {
        for _ in 0..<20 {
            deliver()
            for id in ids { executors[id]?.advance(at: now.wall) }
            beat()
            take(.tick)
            pass(.milliseconds(100))
        }
    }

    func application(_ id: String = "TEST_APP-1") -> Application? { turn.committed.applications[AppID(id)] }
    func instances(_ id: String = "TEST_APP-1") -> [Instance] { turn.committed.instances(of: AppID(id)) }
    func task(_ name: String = "T1") -> TaskRun? { turn.committed.tasks[TaskID(source: "SRC", name: name)] }
    func healthy(_ id: String = "TEST_APP-1") -> Int { instances(id).count(where: \.isHealthy) }

    /// A new leader over what the store holds.
    mutating func failOver(epoch: Epoch) throws {
        let records = store.map { Record(key: $0.key, bytes: $0.value) }.sorted { $0.key < $1.key }
        turn = Turn(
            engine: try Engine(
                cluster: Self.cluster,
                epoch: epoch,
                seed: 43,
                records: records,
                settings: settings,
                at: now
            )
        )
        sent = []
        settle()
    }

    mutating func create(instances: Int, _ spec: ApplicationSpec = exampleSpec()) {
        ask(.create(spec, instances: instances, .standard))
    }
}

/// An executor as the engine sees one: it does what it is told and reports it.
struct TestExecutor {
    var identity: NodeIdentity
    var description: NodeDescription
    var fence: Fence?
    var revision: Int64 = 1
    var base: Int64 = 0
    var instances: [InstanceID: InstanceReport] = [:]
    var heard: ReportAnswer?
    /// What is never more than on its way up.
    var failing: Set<InstanceID> = []
    /// Of no channel.
    var troubles: [String] = []
    var faults: [Trouble] = []
    var warnings: [String] = []
    var load: NodeLoad?
    /// The revision at which its description last changed.
    var describedAt: Int64 = 0

    init(number: Int, cores: Int, memoryMB: Int64) {
        identity = NodeIdentity(
            cluster: Bench.cluster,
            id: ExecutorID("executor-\(number)"),
            key: NodeKey("key-\(number)"),
            incarnation: 1,
            hostname: "host-\(number)",
            port: 11_000,
            transport: .http
        )
        description = NodeDescription(
            topology: Topology(
                nodes: [.init(id: 0, cores: Array(0..<cores), memoryMB: memoryMB)],
                sharing: .pinned
            ),
            tags: ["host-\(number)"],
            metadata: [:]
        )
    }

    /// What it offers changes while it runs.
    mutating func describe(_ change: (inout NodeDescription) -> Void) {
        change(&description)
        revision += 1
        describedAt = revision
    }

    mutating func obey(_ command: NodeCommand, at wall: WallTime) {
        if let fence, command.fence < fence { return }
        fence = command.fence
        switch command.order {
        case .start(let spec):
            guard instances[spec.id] == nil else { return }
            revision += 1
            instances[spec.id] = InstanceReport(
                id: spec.id,
                owner: spec.owner,
                appName: spec.workload.name,
                state: .provisioning,
                allocation: spec.allocation,
                ports: [],
                error: "",
                cause: nil,
                created: wall,
                updated: wall,
                revision: revision
            )
        case .stop(let id, let reason):
            set(id, .stopped, error: "", cause: .stopped(reason), at: wall)
        }
    }

    mutating func set(
        _ id: InstanceID,
        _ state: InstanceState,
        error: String = "",
        cause: EndCause? = nil,
        at wall: WallTime
    ) {
        guard var report = instances[id] else { return }
        revision += 1
        report.state = state
        report.error = error
        report.cause = cause
        report.updated = wall
        report.revision = revision
        if state == .healthy {
            report.ports = [PortMapping(name: "main", containerPort: 8000, hostPort: 30_000, type: .http)]
        }
        instances[id] = report
    }

    /// Everything on its way up becomes HEALTHY.
    mutating func advance(at wall: WallTime) {
        for (id, report) in instances where report.state.isAlive && report.state != .healthy && !failing.contains(id) {
            if case .task = report.owner { set(id, .running, at: wall) } else { set(id, .healthy, at: wall) }
        }
    }

    mutating func restart(knowing known: Bool = true) {
        identity.incarnation += 1
        revision = 1
        base = 0
        if !known { instances = [:] }
        for id in instances.keys { instances[id]?.revision = 1 }
    }

    func report() -> NodeReport {
        var report = NodeReport(
            identity: identity,
            revision: revision,
            base: base,
            instances: instances.values.filter { $0.revision > base || base == 0 }.sorted { $0.id < $1.id },
            fence: fence,
            description: base == 0 || describedAt > base ? description : nil,
            troubles: troubles.map { Trouble(nil, $0) } + faults,
            load: load
        )
        report.warnings = warnings
        return report
    }

    mutating func hear(_ answer: ReportAnswer) {
        heard = answer
        guard answer.verdict == .applied else { return }
        base = answer.applied
        if (fence?.epoch ?? 0) < answer.epoch { fence = Fence(epoch: answer.epoch, sequence: 0) }
        for id in answer.settled { instances[id] = nil }
    }
}
