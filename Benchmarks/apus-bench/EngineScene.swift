import ApusEngine
import ApusModel
import ApusTestKit
import Glibc
import HashTreeCollections

/// An engine under its turn that leads a cluster at rest: every executor is heard, every instance HEALTHY.
///
/// Stores nothing: a batch counts as stored as soon as it is there, so what is measured is the engine alone.
struct EngineScene {
    static let instancesPerApplication = 100
    /// Heartbeats come one after the other, as those of a real cluster do: each executor has its part of the two seconds.
    static let beat = Duration.milliseconds(10)
    private static let beatsOfAll = 200

    private(set) var turn: Turn
    private(set) var now = Times(now: .zero, wall: WallTime(milliseconds: 1_700_000_000_000))
    private(set) var executors: [Voice] = []
    /// What a reader looks at meanwhile: the last committed state, as the API's readers hold it.
    private var reader: ClusterState
    private var started: [NodeCommand] = []
    private var random = SplitMix64(seed: 7)
    private var numbers: [ExecutorID: Int] = [:]
    /// Whose turn to beat it is.
    private var part = 0

    struct Machine {
        var cores = 256
        var instances: Int
    }

    /// An executor, as far as the engine hears it.
    struct Voice {
        var identity: NodeIdentity
        var revision: Int64 = 1
        var applied: Int64 = 0

        func report(_ instances: [InstanceReport], description: NodeDescription? = nil) -> NodeReport {
            NodeReport(
                identity: identity,
                revision: revision,
                base: applied,
                instances: instances,
                fence: Fence(epoch: 1, sequence: 0),
                description: description
            )
        }
    }

    /// Each thousand machines share applications of 100 instances.
    init(_ machines: [Machine]) throws {
        let cluster = ClusterID("bench")
        var settings = EngineSettings()
        // Nobody answers at their ports.
        settings.probing = nil
        turn = Turn(engine: try Engine(cluster: cluster, epoch: 1, seed: 1, records: [], settings: settings, at: now))
        reader = turn.committed
        for number in machines.indices {
            let id = ExecutorID(random.uuid())
            numbers[id] = number
            executors.append(
                Voice(
                    identity: NodeIdentity(
                        cluster: cluster,
                        id: id,
                        key: NodeKey(random.uuid()),
                        incarnation: 1,
                        hostname: "executor-\(number).bench.example",
                        port: 3000,
                        transport: .http
                    )
                )
            )
        }
        for first in stride(from: 0, to: machines.count, by: 1_000) {
            populate(first..<min(machines.count, first + 1_000), machines)
        }
        rest(for: .seconds(30))
    }

    /// Some executors come with all their instances, which are adopted: so none is placed.
    private mutating func populate(_ block: Range<Int>, _ machines: [Machine]) {
        let applications = machines[block].reduce(0) { $0 + $1.instances } / Self.instancesPerApplication
        let ids = (0..<applications).map { index in
            let spec = exampleSpec(name: "APPLICATION_\(block.lowerBound)_\(index)")
            let create = ApplicationOperation.create(spec, instances: Self.instancesPerApplication, .standard)
            _ = turn.take(.command(0, .application(create)), at: now)
            return spec.id
        }
        var next = 0
        for number in block {
            let instances = (0..<machines[number].instances).map { core in
                defer { next += 1 }
                return InstanceReport(
                    id: InstanceID("AI-\(random.uuid())"),
                    owner: .application(ids[next % ids.count]),
                    appName: ids[next % ids.count].rawValue,
                    state: .healthy,
                    allocation: ResourceAllocation(numaNode: 0, cores: [core], memoryMB: 128),
                    ports: [Self.port(core)],
                    error: "",
                    cause: nil,
                    created: now.wall,
                    updated: now.wall,
                    revision: 1
                )
            }
            let node = Topology.Node(id: 0, cores: Array(0..<machines[number].cores), memoryMB: 1 << 20)
            let description = NodeDescription(
                topology: Topology(nodes: [node], sharing: .pinned),
                tags: [],
                metadata: [:]
            )
            _ = turn.take(.report(0, executors[number].report(instances, description: description)), at: now)
            executors[number].applied = 1
        }
        close()
    }

    private static func port(_ core: Int) -> PortMapping {
        PortMapping(name: "main", containerPort: 8000, hostPort: 30_000 + core, type: .http)
    }

    // MARK: what happens

    /// Decides and stores, as the leader's loop does, and publishes the state to the reader.
    mutating func close() {
        repeat {
            var step = turn.close(at: now)
            while case .commit = step { step = turn.stored() }
            reader = turn.committed
            guard case .release(let effects) = step else { continue }
            for case .send(_, let command) in effects { started.append(command) }
        } while turn.hasWork
    }

    /// One heartbeat without changes, taken into the open turn.
    mutating func beat(_ number: Int) {
        _ = turn.take(.report(1, executors[number].report([])), at: now)
    }

    /// A turn with these heartbeats and nothing else.
    mutating func turn(beating numbers: some Sequence<Int>) {
        _ = turn.take(.tick, at: now)
        for number in numbers { beat(number) }
        close()
    }

    mutating func pass(_ span: Duration) {
        now.now = now.now + span
        now.wall.milliseconds += span.milliseconds
    }

    /// All executors beat, each in its time, but the silent one.
    mutating func rest(for span: Duration, without silent: Int? = nil) {
        var left = span
        while left > .zero {
            left -= Self.beat
            pass(Self.beat)
            turn(beating: nextBeating(without: silent))
        }
    }

    /// Those that are to beat now.
    mutating func nextBeating(without silent: Int? = nil) -> [Int] {
        defer { part = (part + 1) % Self.beatsOfAll }
        return stride(from: part, to: executors.count, by: Self.beatsOfAll).filter { $0 != silent }
    }

    /// An executor says that an instance has ended.
    mutating func end(_ instance: Instance) {
        tell(instance.executor) { revision, wall in
            InstanceReport(
                id: instance.id,
                owner: instance.owner,
                appName: instance.owner.description,
                state: .stopped,
                allocation: instance.allocation,
                ports: instance.ports,
                error: "exited with code 1",
                cause: .exited(code: 1, outOfMemory: false),
                created: instance.created,
                updated: wall,
                revision: revision
            )
        }
    }

    /// The executors say that what they were told to start is HEALTHY, each in a turn of its own.
    mutating func obey() {
        for command in started {
            guard case .start(let spec) = command.order else { continue }
            tell(command.executor) { revision, wall in
                InstanceReport(
                    id: spec.id,
                    owner: spec.owner,
                    appName: spec.owner.description,
                    state: .healthy,
                    allocation: spec.allocation,
                    ports: [Self.port(spec.allocation.cores[0])],
                    error: "",
                    cause: nil,
                    created: wall,
                    updated: wall,
                    revision: revision
                )
            }
        }
        started = []
    }

    private mutating func tell(_ executor: ExecutorID, _ report: (Int64, WallTime) -> InstanceReport) {
        guard let number = numbers[executor] else { return }
        executors[number].revision += 1
        let revision = executors[number].revision
        let told = executors[number].report([report(revision, now.wall)])
        executors[number].applied = revision
        _ = turn.take(.tick, at: now)
        _ = turn.take(.report(1, told), at: now)
        close()
    }

    /// Any instance of an application.
    mutating func instance(of app: AppID) -> Instance? {
        turn.committed.instances(of: app).randomElement(using: &random)
    }

    /// All executors are heard and every instance that is expected is HEALTHY.
    var isAtRest: Bool {
        turn.committed.applications.values.allSatisfy { application in
            let live = turn.committed.instances(of: application.id)
            return live.count == application.expected && live.allSatisfy(\.isHealthy)
        }
    }
}

/// The processor time that this thread takes: other work on the machine does not count.
func processorTime(_ work: () throws -> Void) rethrows -> Duration {
    let start = threadClock()
    try work()
    return threadClock() - start
}

private func threadClock() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
