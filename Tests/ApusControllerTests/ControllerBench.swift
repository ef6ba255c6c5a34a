import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTelemetry
import ApusTestKit
import Dispatch
import Logging
import Synchronization
import Testing

/// Clocks that stand still until they are moved.
final class ManualTime: Sendable {
    private let times = Mutex(
        Times(now: Moment(nanoseconds: 0), wall: WallTime(milliseconds: 1_753_000_000_000))
    )

    var source: TimeSource { TimeSource { self.times.withLock { $0 } } }

    func advance(by span: Duration) {
        times.withLock { times in
            times.now = times.now + span
            times.wall.milliseconds += span.milliseconds
        }
    }
}

/// A store whose commits wait until they are let through, and tell when one has come.
final class GatedStore: StateStore {
    private struct State {
        var isOpen = true
        var held: [CheckedContinuation<Void, Never>] = []
    }
    private let store = MemoryStore()
    private let state = Mutex(State())

    var held: Int { state.withLock { $0.held.count } }

    func shut() { state.withLock { $0.isOpen = false } }

    func open() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isOpen = true
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    func commit(_ batch: Batch) async throws(StoreError) {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if !state.isOpen { state.held.append(continuation) }
                return state.isOpen
            }
            if passes { continuation.resume() }
        }
        try await store.commit(batch)
    }

    func list(_ kind: RecordKind) async throws(StoreError) -> [Record] { try await store.list(kind) }
    func acquireEpoch() async throws(StoreError) -> Epoch { try await store.acquireEpoch() }
    func currentEpoch() async throws(StoreError) -> Epoch { try await store.currentEpoch() }
    func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await store.raiseEpoch(from: held, above: met)
    }
}

let cluster = ClusterID("c1")
let node = ExecutorID("93b6b6f3-c7c8-3824-afc9-cb6d0b32454c")

func identity(incarnation: Int64 = 1, key: NodeKey = NodeKey("k1")) -> NodeIdentity {
    NodeIdentity(
        cluster: cluster,
        id: node,
        key: key,
        incarnation: incarnation,
        hostname: "node1",
        port: 3000,
        transport: .http
    )
}

/// A full report of an executor with four cores and 1024 MB.
func fullReport(_ instances: [InstanceReport] = [], revision: Int64 = 1, fence: Fence? = nil) -> NodeReport {
    NodeReport(
        identity: identity(),
        revision: revision,
        base: 0,
        instances: instances,
        fence: fence,
        description: NodeDescription(
            topology: Topology(
                nodes: [Topology.Node(id: 0, cores: [0, 1, 2, 3], memoryMB: 1024)],
                sharing: .pinned
            ),
            tags: [],
            metadata: [:]
        )
    )
}

/// What an executor says of an instance that it has just made healthy.
func healthy(_ spec: InstanceSpec) -> InstanceReport {
    InstanceReport(
        id: spec.id,
        owner: spec.owner,
        appName: spec.workload.name,
        state: .healthy,
        allocation: spec.allocation,
        ports: [PortMapping(name: "main", containerPort: 8000, hostPort: 33857, type: .http)],
        error: "",
        cause: nil,
        created: WallTime(milliseconds: 1),
        updated: WallTime(milliseconds: 2),
        revision: 2
    )
}

/// An executor that does at once whatever it is told.
let obedient: Controller.Send = { command, _ in
    switch command.order {
    case .start(let spec): .accepted(healthy(spec))
    case .stop: .accepted(nil)
    }
}

let opSpec = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 4)

func create(_ spec: ApplicationSpec = exampleSpec(), instances: Int) -> ApplicationOperation {
    .create(spec, instances: instances, opSpec)
}

/// Runs a controller that leads for as long as the body takes.
func withController<Value: Sendable>(
    store: any StateStore,
    leadership: (any Leadership)? = nil,
    audit: AuditStore? = nil,
    time: TimeSource = .system(),
    send: @escaping Controller.Send = obedient,
    ask: Controller.Ask? = nil,
    line: ControllerLine = ControllerLine(),
    joinList: @escaping @Sendable () -> JoinList? = { nil },
    telemetry: Telemetry = Telemetry(),
    events: EventLimits = EventLimits(),
    callers: CallerRig = CallerRig(),
    auditLimits: AuditLimits = AuditLimits(),
    _ body: @escaping @Sendable (Controller) async throws -> Value
) async throws -> Value {
    let controller = try await standingBy(
        store: store,
        leadership: leadership,
        hostname: "ctrl1",
        seed: 7,
        audit: audit,
        auditLimits: auditLimits,
        time: time,
        send: send,
        ask: ask,
        line: line,
        joinList: joinList,
        telemetry: telemetry,
        events: events,
        callers: callers
    )
    return try await withRunning(controller) {
        try await eventually("it leads") { await controller.call("GET", "ping", callers.credentials).status == 200 }
        return try await body(controller)
    }
}

/// A controller of the cluster that does not run yet, for `withRunning`.
func standingBy(
    store: any StateStore,
    leadership: (any Leadership)?,
    hostname: String = "ctrl2",
    seed: UInt64 = 8,
    joining: @escaping @Sendable () async throws -> ClusterID = { cluster },
    audit: AuditStore? = nil,
    auditLimits: AuditLimits = AuditLimits(),
    time: TimeSource = .system(),
    send: @escaping Controller.Send = obedient,
    ask: Controller.Ask? = nil,
    line: ControllerLine = ControllerLine(),
    joinList: @escaping @Sendable () -> JoinList? = { nil },
    telemetry: Telemetry = Telemetry(),
    events: EventLimits = EventLimits(),
    callers: CallerRig = CallerRig()
) async throws -> Controller {
    var settings = ControllerSettings(cluster: joining, hostname: hostname, port: 10000, seed: seed)
    settings.events = events
    try callers.arrange(&settings)
    settings.audit = auditLimits
    settings.joinList = joinList
    // At the ports of most nodes here nobody listens.
    if ask == nil { settings.engine.probing = nil }
    let log: AuditStore
    if let audit { log = audit } else { log = try await .inMemory() }
    let controller = Controller(
        settings: settings,
        store: store,
        leadership: leadership,
        audit: log,
        time: time,
        send: send,
        ask: ask,
        askHistory: line.ask,
        telemetry: telemetry,
        logger: callers.logger
    )
    line.join(controller, as: hostname)
    return controller
}

/// Runs a controller for as long as the body takes, whether it leads or not.
func withRunning<Value: Sendable>(
    _ controller: Controller,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await running({ try await controller.run() }, during: body)
}

/// Runs something that goes on for as long as the body takes.
private func running<Value: Sendable>(
    _ other: @escaping @Sendable () async throws -> Void,
    during body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        defer { group.cancelAll() }
        group.addTask {
            try await other()
            return nil
        }
        group.addTask { try await body() }
        while let value = try await group.next() {
            if let value { return value }
        }
        throw CancellationError()
    }
}

extension Controller {
    func get(_ path: String) async -> APIAnswer { await api.answer(APICall("GET", "/apis/v1/\(path)")) }

    func post(_ path: String, _ body: String, type: String? = "application/json") async -> APIAnswer {
        await api.answer(APICall("POST", "/apis/v1/\(path)", contentType: type, body: Array(body.utf8)))
    }

    func healthy(_ app: AppID) async -> JSON? {
        await get("applications/\(app)").json?["data"]?["healthyInstances"]
    }
}

/// Serves a controller's API on a free port for as long as the body takes.
func withServer(
    _ controller: Controller,
    arrival: Duration = .seconds(20),
    mostRequests: Int = APIServer.mostRequests,
    encryption: (@Sendable () -> PortEncryption)? = nil,
    _ body: @escaping @Sendable (APIClient) async throws -> Void
) async throws {
    let (ports, listening) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
    let server = APIServer(
        api: controller.api,
        address: "127.0.0.1",
        port: 0,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        arrival: arrival,
        mostRequests: mostRequests,
        encryption: encryption
    ) { listening.yield($0) }
    try await running {
        try await server.run()
    } during: {
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        try await body(APIClient(endpoint: "127.0.0.1:\(port)"))
    }
}
