import ApusAgent
import ApusEngine
import ApusExecutor
import ApusModel

/// What has been read goes on into the pure cores, which store it, add it up and go by it.
extension FuzzTarget {
    private static let identity = NodeIdentity(
        cluster: ClusterID("fuzz"),
        id: ExecutorID("E"),
        key: NodeKey("K"),
        incarnation: 1,
        hostname: "h",
        port: 11_000,
        transport: .http
    )
    private static let offered = NodeDescription(
        topology: Topology(
            nodes: (0..<2).map { Topology.Node(id: $0, cores: Array(8 * $0..<8 * ($0 + 1)), memoryMB: 1 << 16) },
            sharing: .pinned
        ),
        tags: ["h"],
        metadata: ["rack": "1"]
    )

    private static func times(_ seconds: Int64) -> Times {
        Times(now: Moment.zero + .seconds(seconds), wall: WallTime(milliseconds: 1_753_000_000_000 + 1_000 * seconds))
    }

    static func cores(_ corpus: Corpus) throws -> [FuzzTarget] {
        let leader = try leader()
        let (started, commands) = try busy(leader)
        let stop = NodeCommand(
            cluster: identity.cluster,
            executor: identity.id,
            key: identity.key,
            fence: Fence(epoch: 1, sequence: 1),
            order: .stop(InstanceID("AI-1"), .scaledDown)
        )
        let command = commands.first ?? stop
        return [
            once("engine-report", corpus) { json in
                var report = try NodeReport(json: json).withinLimits()
                report.identity.cluster = identity.cluster
                for index in report.instances.indices where index.isMultiple(of: 2) {
                    report.instances[index].owner = .application(AppID("web-1"))
                }
                var turn = leader
                for second: Int64 in [2, 4] { _ = settle(&turn, .report(second, report), at: times(second)) }
                for second: Int64 in [14, 40, 100_000] { _ = settle(&turn, .tick, at: times(second)) }
            },
            once("engine-answer", corpus) { json in
                var answer = try CommandAnswer(json: json).withinLimits()
                if case .accepted(var report?) = answer {
                    report.id = command.instance
                    answer = .accepted(report)
                }
                var turn = started
                for second: Int64 in [5, 6] {
                    _ = settle(&turn, .answered(identity.id, command, answer), at: times(second))
                }
                _ = settle(&turn, .tick, at: times(100_000))
            },
            once("agent-command", corpus) { json in
                var command = try NodeCommand(json: json)
                (command.cluster, command.executor, command.key) = (identity.cluster, identity.id, identity.key)
                var turn = agent([])
                _ = perform(&turn, .tick, at: times(1))
                for second: Int64 in [2, 3] { _ = perform(&turn, .command(command, reply: second), at: times(second)) }
                for second: Int64 in [4, 100_000] { _ = perform(&turn, .tick, at: times(second)) }
            },
            once("agent-answer", corpus) { json in
                let answer = try ReportAnswer(json: json)
                var turn = agent([])
                _ = perform(&turn, .tick, at: times(1))
                for number in 1...2 {
                    _ = perform(&turn, .reportAnswered(answer, number: number), at: times(2))
                    _ = perform(&turn, .tick, at: times(10 * Int64(number)))
                }
            },
            once("agent-record", corpus, Samples.journalRecords) { json in
                let record = try JournalRecord(json: json)
                var turn = agent([record, record])
                _ = perform(&turn, .tick, at: times(1))
                _ = perform(&turn, .inventory([], number: 1), at: times(2))
                for second: Int64 in [30, 100_000] { _ = perform(&turn, .tick, at: times(second)) }
            },
            once("agent-journal", corpus.journals) { bytes in
                let records = try JournalReading(bytes).records
                var turn = agent(records)
                for second: Int64 in [1, 30, 100_000] { _ = perform(&turn, .tick, at: times(second)) }
                return !records.isEmpty
            },
        ]
    }

    // MARK: the leader

    /// With an application that nobody runs.
    private static func leader() throws -> Turn {
        let engine = try Engine(cluster: identity.cluster, epoch: 1, seed: 1, records: [], at: times(0))
        var turn = Turn(engine: engine)
        let operation = ApplicationOperation.validated(try JSON(parsing: Samples.applicationOperations[0]))
        if case .success(let create) = operation {
            _ = settle(&turn, .command(1, .application(create)), at: times(1))
        }
        return turn
    }

    /// With an executor too, and what it was told.
    private static func busy(_ leader: Turn) throws -> (Turn, [NodeCommand]) {
        var turn = leader
        let report = NodeReport(
            identity: identity,
            revision: 1,
            base: 0,
            instances: [],
            fence: Fence(epoch: 1, sequence: 0),
            description: offered
        )
        var effects = settle(&turn, .report(2, report), at: times(2))
        effects += settle(&turn, .tick, at: times(3))
        let commands = effects.compactMap { if case .send(_, let command) = $0 { command } else { nil } }
        return (turn, commands)
    }

    /// As if all of it were stored at once.
    ///
    /// - Returns: what leaves.
    private static func settle(_ turn: inout Turn, _ input: Input, at times: Times) -> [Effect] {
        var effects = turn.take(input, at: times)
        var step = turn.close(at: times)
        while case .commit = step { step = turn.stored() }
        if case .release(let left) = step { effects += left }
        return effects
    }

    // MARK: the executor

    private static func agent(_ records: [JournalRecord]) -> AgentTurn {
        AgentTurn(Agent(identity: identity, description: offered, replaying: records, at: times(0)))
    }

    /// As if its journal were written at once.
    ///
    /// - Returns: what is to be done.
    private static func perform(_ turn: inout AgentTurn, _ event: AgentEvent, at times: Times) -> [AgentAction] {
        var actions = turn.take(event, at: times)
        while turn.isRecording { actions += turn.recorded(at: times) }
        return actions
    }
}
