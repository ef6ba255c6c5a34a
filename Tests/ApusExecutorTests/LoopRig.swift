import ApusAgent
import ApusExecutor
import ApusModel
import ApusTestKit
import Logging
import Synchronization
import Testing

/// The leader as an executor sees it: takes every report and commits every end at once.
final class Leader: Sendable {
    private struct State {
        var instances: [InstanceID: InstanceReport] = [:]
        var sequence: Int64 = 0
    }

    private let state = Mutex(State())

    func take(_ report: NodeReport) -> ReportAnswer {
        state.withLock { state in
            for instance in report.instances { state.instances[instance.id] = instance }
            let ended = report.instances.filter(\.state.isTerminal).map(\.id)
            return ReportAnswer(
                verdict: .applied,
                epoch: 1,
                canCommit: true,
                applied: report.revision,
                settled: ended,
                reason: ""
            )
        }
    }

    func instance(_ id: InstanceID) -> InstanceReport? { state.withLock { $0.instances[id] } }

    /// Commands of one epoch, in a rising order over all lives of an executor.
    func command(_ order: NodeCommand.Order) -> NodeCommand {
        let sequence = state.withLock { state in
            state.sequence += 1
            return state.sequence
        }
        let identity = LoopRig.identity
        return NodeCommand(
            cluster: identity.cluster,
            executor: identity.id,
            key: identity.key,
            fence: Fence(epoch: 1, sequence: sequence),
            order: order
        )
    }
}

/// A real agent, journal and loop around an engine in memory.
struct LoopRig {
    static let identity = NodeIdentity(
        cluster: ClusterID("cluster"),
        id: ExecutorID("executor"),
        key: NodeKey("key"),
        incarnation: 1,
        hostname: "box",
        port: 11_000,
        transport: .http
    )
    static let topology = Topology(
        nodes: [Topology.Node(id: 0, cores: [0, 1], memoryMB: 100_000)],
        sharing: .shared(multiplier: 32)
    )
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let engine = MemoryEngine()
    let leader = Leader()
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// What one life of the executor offers to a test.
    struct Life {
        let desk: CommandDesk
        let journal: Journal
        let leader: Leader

        func start(_ spec: InstanceSpec) async -> CommandDesk.Reply { await desk.take(leader.command(.start(spec))) }
        func stop(_ id: InstanceID) async -> CommandDesk.Reply {
            await desk.take(leader.command(.stop(id, .scaledDown)))
        }
    }

    static func performer(
        _ engine: any ContainerEngine,
        as identity: NodeIdentity = identity,
        limits: LimitsFile = LimitsFile(),
        logs: LogCapture? = nil,
        checkPatience: Duration = .seconds(8),
        checkLoops: CheckLoops = .shared
    ) -> JobPerformer {
        JobPerformer(
            engine: engine,
            host: ContainerHost(
                identity: identity,
                publishedAddress: "127.0.0.1",
                sharing: topology.sharing,
                environment: [:]
            ),
            probeAddress: "127.0.0.1",
            limits: limits,
            logs: logs,
            checkPatience: checkPatience,
            checkLoops: checkLoops,
            logger: logger
        )
    }

    /// From start to sudden end; what survives is the journal and the engine.
    func life(_ body: (Life) async throws -> Void) async throws {
        try await Self.life(in: scratch, around: engine, reporting: { [leader] in leader.take($0) }) { desk, journal in
            try await body(Life(desk: desk, journal: journal, leader: leader))
        }
    }

    /// One life of an executor around any engine, with all that runs beside its loop.
    static func life(
        in scratch: Scratch,
        around engine: any ContainerEngine,
        as identity: NodeIdentity = identity,
        logs: LogCapture? = nil,
        reporting: @escaping @Sendable (NodeReport) -> ReportAnswer,
        _ body: (CommandDesk, Journal) async throws -> Void
    ) async throws {
        let directory = try scratch.directory()
        let (journal, records, _) = try Journal.open(in: directory)
        let inbox = Inbox()
        let desk = CommandDesk(inbox: inbox)
        let disk = DiskThread()
        let loop = AgentLoop(
            agent: Agent(
                identity: identity,
                description: NodeDescription(topology: topology, tags: [], metadata: [:]),
                replaying: records,
                at: Times(now: .zero, wall: WallTime(milliseconds: 1))
            ),
            journal: journal,
            disk: disk,
            engine: engine,
            performer: performer(engine, as: identity, logs: logs),
            desk: desk,
            inbox: inbox,
            logs: logs,
            logger: logger,
            send: reporting
        )
        let watch = ExitWatch(engine: engine, identity: identity, inbox: inbox, logger: logger)
        var result = Result<Void, any Error>.success(())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await loop.run() }
            group.addTask { await watch.run() }
            if let logs { group.addTask { await logs.run() } }
            do {
                try await body(desk, journal)
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
        }
        try await disk.end()
        journal.close()
        directory.close()
        try result.get()
    }

    func eventually(_ state: InstanceState, _ id: InstanceID) async throws {
        try await ApusTestKit.eventually("\(id) becomes \(state.rawValue)") {
            leader.instance(id)?.state == state
        }
    }

    /// One slot each, so that many fit.
    static func spec(_ number: Int, image: String = "app:1") -> InstanceSpec {
        let check = CheckSpec(
            mode: .http(HTTPCheck(portName: "main", path: "/")),
            timeout: DurationText(5, .seconds),
            interval: DurationText(1, .seconds),
            attempts: 3
        )
        let spec = ApplicationSpec(
            name: "app",
            version: "1",
            executable: Executable(url: image),
            exposedPorts: [PortSpec(name: "main", port: 8_000)],
            resources: ResourceRequirements(cores: 1, memoryMB: 64),
            healthcheck: check,
            readiness: check
        )
        return InstanceSpec(
            id: InstanceID("AI-\(number)"),
            spec: spec,
            allocation: ResourceAllocation(numaNode: 0, cores: [number], memoryMB: 64)
        )
    }
}
