import ApusClient
import ApusModel
import ApusTelemetry
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// Executors of the benchmark's own, without containers: they report and take commands over HTTP as any other, and whatever
/// they are told to start is healthy at once.
final class Fleet: Sendable {
    private static let heartbeat = Duration.seconds(2)

    /// When instances ended by themselves.
    let ends = Ends()
    private let executors: [FleetExecutor]
    private let random = Mutex(SplitMix64(seed: 11))

    init(of cluster: ClusterID, count: Int, cores: Int, port: Int) {
        var ids = SplitMix64(seed: 7)
        executors = (0..<count).map { number in
            FleetExecutor(
                NodeIdentity(
                    cluster: cluster,
                    id: ExecutorID(ids.uuid()),
                    key: NodeKey(ids.uuid()),
                    incarnation: 1,
                    // Each has an address of its own on loopback, as each machine has.
                    hostname: "127.0.\(1 + number / 250).\(1 + number % 250)",
                    port: port,
                    transport: .http
                ),
                cores: cores
            )
        }
    }

    /// Serves and reports until it is cancelled.
    func run(reportingTo controller: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for executor in executors {
                group.addTask { try await executor.serve() }
                group.addTask { try await executor.report(to: controller) }
            }
            group.addTask { try await self.beat() }
            try await group.next()
        }
    }

    /// One instance of a random executor ends by itself.
    func breakOne() {
        let place = random.withLock { Int($0.next() % UInt64(executors.count)) }
        ends.note(executors[place].breakOne(at: WallTime.current))
    }

    final class Ends: Sendable {
        private let times = Mutex<[String: ContinuousClock.Instant]>([:])

        func note(_ instance: InstanceID?) {
            guard let instance else { return }
            times.withLock { $0[instance.rawValue] = ContinuousClock.now }
        }

        subscript(_ instance: String) -> ContinuousClock.Instant? { times.withLock { $0[instance] } }
    }

    /// Each has its part of the two seconds.
    private func beat() async throws {
        while true {
            for executor in executors {
                try await Task.sleep(for: Self.heartbeat / executors.count)
                executor.beat()
            }
        }
    }
}

/// One executor of the fleet.
final class FleetExecutor: Sendable {
    private static let largestMessage = 4 << 20

    private struct State {
        var instances: [InstanceID: InstanceReport] = [:]
        /// Those that run, for one to be drawn.
        var running: [InstanceID] = []
        var revision: Int64 = 1
        var applied: Int64 = 0
        var fence: Fence?
    }

    let identity: NodeIdentity
    private let description: NodeDescription
    private let state = Mutex(State())
    private let beats: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    init(_ identity: NodeIdentity, cores: Int) {
        self.identity = identity
        let node = Topology.Node(id: 0, cores: Array(0..<cores), memoryMB: 1 << 20)
        description = NodeDescription(topology: Topology(nodes: [node], sharing: .pinned), tags: [], metadata: [:])
        (beats, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes commands, and says who it is, at its own address.
    func serve() async throws {
        let router = Router()
        router.get("/apis/v1/ping") { [identity] _, _ in
            let pong: JSON = [
                "cluster": identity.cluster.json, "executorId": identity.id.json,
                "incarnation": .integer(identity.incarnation),
            ]
            return ByteBuffer(bytes: pong.bytes)
        }
        router.post("/apis/v1/messages") { request, _ in
            let body = try await request.body.collect(upTo: Self.largestMessage)
            let command = try NodeCommand(json: try JSON(parsing: body.readableBytesView))
            return ByteBuffer(bytes: self.take(command, at: WallTime.current).json.bytes)
        }
        try await ListeningPort(identity.hostname, identity.port, HTTP1Channel.Configuration())
            .serve(router.buildResponder(), logger: Logger(label: "fleet") { _ in SwiftLogNoOpLogHandler() })
    }

    /// It is time to report.
    func beat() { bell.yield() }

    func take(_ command: NodeCommand, at now: WallTime) -> CommandAnswer {
        defer { beat() }
        return state.withLock { state in
            state.revision += 1
            state.fence = max(state.fence ?? command.fence, command.fence)
            switch command.order {
            case .start(let spec):
                if state.instances[spec.id] == nil {
                    state.instances[spec.id] = Self.healthy(spec, state.revision, at: now)
                    state.running.append(spec.id)
                }
                return .accepted(state.instances[spec.id])
            case .stop(let id, let reason):
                end(id, .stopped(reason), at: now, &state)
                return .accepted(state.instances[id])
            }
        }
    }

    /// One instance ends by itself, if any runs.
    func breakOne(at now: WallTime) -> InstanceID? {
        defer { beat() }
        return state.withLock { state in
            guard let id = state.running.first else { return nil }
            state.revision += 1
            end(id, .exited(code: 1, outOfMemory: false), at: now, &state)
            return id
        }
    }

    private func end(_ id: InstanceID, _ cause: EndCause, at now: WallTime, _ state: inout State) {
        state.running.removeAll { $0 == id }
        state.instances[id]?.state = .stopped
        state.instances[id]?.cause = cause
        state.instances[id]?.updated = now
        state.instances[id]?.revision = state.revision
    }

    /// Reports at each beat until it is cancelled; what the controller does not take goes with the next.
    func report(to controller: String) async throws {
        for await _ in beats {
            let report = state.withLock { state in
                NodeReport(
                    identity: identity,
                    revision: state.revision,
                    base: state.applied,
                    instances: state.instances.values.filter { $0.revision > state.applied },
                    fence: state.fence,
                    description: state.applied == 0 ? description : nil
                )
            }
            do {
                let answer = try await NodeClient().report(report, to: controller)
                state.withLock { state in
                    state.applied = answer.applied
                    for id in answer.settled { state.instances[id] = nil }
                }
            } catch is ClientError {
                continue
            }
        }
    }

    private static func healthy(_ spec: InstanceSpec, _ revision: Int64, at now: WallTime) -> InstanceReport {
        InstanceReport(
            id: spec.id,
            owner: spec.owner,
            appName: spec.workload.name,
            state: .healthy,
            allocation: spec.allocation,
            ports: [
                PortMapping(
                    name: "main",
                    containerPort: 8000,
                    hostPort: 30_000 + (spec.allocation.cores.first ?? 0),
                    type: .http
                )
            ],
            error: "",
            cause: nil,
            created: now,
            updated: now,
            revision: revision
        )
    }
}

extension WallTime {
    /// As this machine's clock says.
    static var current: WallTime { WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
