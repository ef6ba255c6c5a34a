import ApusAgent
import ApusModel
import ApusTestKit

/// An agent with a container engine, a journal and a leader around it, on a clock of its own.
struct Rig {
    struct Box: Hashable {
        var instance: InstanceID
        var state: FoundContainer.State
        var labels: FoundContainer.Labels
    }

    /// All that outlives a crash.
    struct Remains: Hashable {
        var journal: [JournalRecord]
        var containers: [ContainerID: Box]
        /// How often a container of it began to run.
        var starts: [InstanceID: Int] = [:]
    }

    static let identity = NodeIdentity(
        cluster: ClusterID("cluster"),
        id: ExecutorID("executor"),
        key: NodeKey("key"),
        incarnation: 1,
        hostname: "localhost",
        port: 11000,
        transport: .http
    )
    static let description = NodeDescription(
        topology: Topology(nodes: [Topology.Node(id: 0, cores: [0, 1, 2, 3], memoryMB: 1024)], sharing: .pinned),
        tags: [],
        metadata: [:]
    )

    var turn: AgentTurn
    var now = Moment(nanoseconds: 1_000_000_000)
    var journal: [JournalRecord]
    var containers: [ContainerID: Box]
    var starts: [InstanceID: Int]
    var remains: [Remains] = []

    // What the world does.
    var check = Outcome.passed
    var pull = Outcome.pulled
    var journalFails = false
    /// What is told as failed stands on the disk all the same.
    var journalLands = false
    var leaderAway = false
    var inventoryFails = false
    var engineAway = false
    /// So many starts take effect, and the engine's answer is lost.
    var lostStarts = 0
    /// So many creations find the image gone.
    var missingImages = 0
    var removalFailures = 0
    var epoch: Epoch = 1
    var settles = true
    var verdict = ReportAnswer.Verdict.applied
    /// Of the executor's clock before the leader's, in milliseconds; `nil`: the leader does not tell its time.
    var clockAhead: Int64?
    /// How long an answer takes on its way back.
    var answerDelay = Duration.milliseconds(1)

    // What was seen.
    var jobs: [Job] = []
    var answers: [Int64: CommandAnswer] = [:]
    var notes: [AgentNote] = []
    var reports: [NodeReport] = []
    var states: [InstanceID: [InstanceState]] = [:]
    private var queue: [(at: Moment, event: AgentEvent)] = []
    private var made = 0
    private var asksForAll = false
    private var sequence: Int64 = 0

    init(
        after remains: Remains = Remains(journal: [], containers: [:]),
        incarnation: Int64 = 1,
        made: Int = 0,
        leaderAway: Bool = false
    ) {
        journal = remains.journal
        containers = remains.containers
        starts = remains.starts
        self.leaderAway = leaderAway
        self.made = made
        var identity = Self.identity
        identity.incarnation = incarnation
        sequence = incarnation * 1000
        let times = Times(now: now, wall: WallTime(milliseconds: 1_000_000))
        turn = AgentTurn(
            Agent(identity: identity, description: Self.description, replaying: remains.journal, at: times)
        )
        send(.tick)
    }

    var agent: Agent { turn.agent }
    var times: Times { Times(now: now, wall: WallTime(milliseconds: 1_000_000 + now.nanoseconds / 1_000_000)) }

    func instance(_ id: InstanceID) -> InstanceReport? { agent.instances.first { $0.id == id } }
    func containers(of id: InstanceID) -> [ContainerID] {
        containers.filter { $0.value.instance == id }.keys.sorted()
    }

    mutating func send(_ event: AgentEvent) { carryOut(turn.take(event, at: times)) }

    /// Sends a command with the next fence and returns its answer, if it came at once.
    @discardableResult
    mutating func command(_ order: NodeCommand.Order, fence: Fence? = nil) -> CommandAnswer? {
        sequence += 1
        let fence = fence ?? Fence(epoch: epoch, sequence: sequence)
        let command = NodeCommand(
            cluster: Self.identity.cluster,
            executor: Self.identity.id,
            key: Self.identity.key,
            fence: fence,
            order: order
        )
        send(.command(command, reply: sequence))
        return answers[sequence]
    }

    /// Lets everything happen that is due within the span.
    mutating func run(for span: Duration) {
        let end = now + span
        while true {
            let next = queue.indices.min { queue[$0].at < queue[$1].at }
            let deadline = max(turn.nextDeadline ?? end, now)
            if let next, queue[next].at <= min(deadline, end) {
                let entry = queue.remove(at: next)
                now = max(now, entry.at)
                send(entry.event)
            } else if deadline < end {
                now = deadline
                send(.tick)
            } else {
                now = end
                return
            }
        }
    }

    /// The leader asks for the full list with its next answer.
    mutating func askForAll() { asksForAll = true }

    /// The container ends by itself.
    mutating func kill(_ container: ContainerID, code: Int64 = 137, seen: Bool = true) {
        containers[container]?.state = .exited(code: code, outOfMemory: false)
        if seen { send(.containerExited(container, code: code, outOfMemory: false)) }
    }

    private mutating func carryOut(_ actions: [AgentAction]) {
        for report in agent.instances where states[report.id]?.last != report.state {
            states[report.id, default: []].append(report.state)
        }
        for action in actions {
            switch action {
            case .record(let records): write(records, replacing: false)
            case .rewrite(let records): write(records, replacing: true)
            case .perform(let id, let attempt, let job):
                jobs.append(job)
                queue.append((now + .milliseconds(1), .outcome(id, attempt: attempt, perform(job))))
            case .cancel: break
            case .answer(let reply, let answer): answers[reply] = answer
            case .report(let report, let number): answer(report, number)
            case .takeInventory(let number):
                let event =
                    inventoryFails || engineAway
                    ? AgentEvent.inventoryFailed(reason: "away", number: number)
                    : .inventory(listed, number: number)
                queue.append((now + .milliseconds(1), event))
            case .note(let note): notes.append(note)
            }
            remains.append(Remains(journal: journal, containers: containers, starts: starts))
        }
    }

    private mutating func write(_ records: [JournalRecord], replacing: Bool) {
        guard !journalFails else {
            if journalLands { journal = replacing ? records : journal + records }
            return carryOut(turn.recordFailed(reason: "disk full", at: times))
        }
        if replacing {
            journal = records
        } else {
            for record in records {
                journal.append(record)
                remains.append(Remains(journal: journal, containers: containers, starts: starts))
            }
        }
        carryOut(turn.recorded(at: times))
    }

    private mutating func answer(_ report: NodeReport, _ number: Int) {
        reports.append(report)
        let settled = settles ? report.instances.filter { $0.state == .stopped }.map(\.id) : []
        let answer = ReportAnswer(
            verdict: verdict,
            epoch: epoch,
            canCommit: true,
            applied: asksForAll ? 0 : report.revision,
            settled: settled,
            reason: "",
            wall: clockAhead.map { WallTime(milliseconds: times.wall.milliseconds + answerDelay.milliseconds - $0) }
        )
        asksForAll = false
        let event = leaderAway ? AgentEvent.reportFailed(number: number) : .reportAnswered(answer, number: number)
        queue.append((now + answerDelay, event))
    }

    var listed: [FoundContainer] {
        containers.keys.sorted().compactMap { id in
            containers[id].map {
                FoundContainer(container: id, name: "name-\(id)", state: $0.state, labels: $0.labels)
            }
        }
    }

    private mutating func perform(_ job: Job) -> Outcome {
        if engineAway, !job.isHTTP { return .failed(JobFailure(.engineAway, reason: "connection refused")) }
        switch job {
        case .pull: return pull
        case .create(let spec, let created, let epoch, let owned):
            guard missingImages == 0 else {
                missingImages -= 1
                return .failed(JobFailure(.imageMissing, reason: "no such image"))
            }
            let fresh = [PortMapping(name: "main", containerPort: 8000, hostPort: 32000 + made, type: .http)]
            let ports = owned.isEmpty ? fresh : owned
            if let container = containers(of: spec.id).first { return .created(container, ports) }
            made += 1
            let container = ContainerID("c\(made)")
            let labels = found(spec, ports: ports, created: created, epoch: epoch)
            containers[container] = Box(instance: spec.id, state: .created, labels: .ours(labels))
            return .created(container, ports)
        case .start(let container):
            guard let box = containers[container] else {
                return .failed(JobFailure(.other, reason: "no such container"))
            }
            if box.state != .running { starts[box.instance, default: 0] += 1 }
            containers[container]?.state = .running
            guard lostStarts == 0 else {
                lostStarts -= 1
                return .failed(JobFailure(.engineAway, reason: "no answer"))
            }
            return .started
        case .check: return check
        case .stop(let container, _):
            if containers[container] != nil { containers[container]?.state = .exited(code: 143, outOfMemory: false) }
            return .stopped
        case .remove(let container):
            guard removalFailures == 0 else {
                removalFailures -= 1
                return .failed(JobFailure(.other, reason: "device busy"))
            }
            containers[container] = nil
            return .removed
        }
    }
}
