import ApusClient
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import ArgumentParser
import AsyncHTTPClient

/// From the request until the last container's port answers: through Apus, through the raw engine API and through
/// Docker Swarm.
///
/// The raw engine gets the identical container specification, 2, 4 and 8 wide in each round, and counts with the width
/// that is best over all rounds; Swarm gets the same image and memory. Rounds alternate, each contestant begins on a machine at
/// rest; the figures are the medians of the paired ratios.
struct Start: AsyncParsableCommand {
    @Option(help: "Containers of a round; both 20 and 50 if it is not given.") var count: Int?
    @Option(help: "Rounds with 20 containers; with more there are fewer.") var rounds = 7

    private static let widths = [2, 4, 8]

    func run() async throws {
        let environment = try BenchEnvironment()
        let engine = DockerEngine(socketPath: environment.socket)
        let apus = try DevProcess(environment, port: 18_100)
        let swarm = Swarm(socket: environment.socket, client: HTTPClient.shared)
        let result: Result<Void, any Error>
        do {
            try await apus.ready()
            try await swarm.begin()
            for count in count.map({ [$0] }) ?? [20, 50] {
                try await measure(count, max(1, rounds * 20 / max(count, 20)), apus, swarm, engine, environment)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        apus.end()
        await swarm.end()
        try await engine.shutdown()
        try result.get()
    }

    private func measure(
        _ count: Int,
        _ rounds: Int,
        _ apus: DevProcess,
        _ swarm: Swarm,
        _ engine: DockerEngine,
        _ environment: BenchEnvironment
    ) async throws {
        var ours: [Double] = []
        var theirs: [Int: [Double]] = [:]
        var swarms: [Double] = []
        for round in 1...rounds {
            var byWidth: [String] = []
            var mine = 0.0
            // Whoever goes first in one round goes last in the next.
            if round % 2 == 1 { mine = try await startThroughApus(apus, environment, count, round: round) }
            swarms.append(try await startThroughSwarm(swarm, environment, count))
            for width in Self.widths {
                let taken = try await startRaw(engine, environment, count, width: width, round: round)
                byWidth.append("\(width) wide \(rounded(taken))")
                theirs[width, default: []].append(taken)
            }
            if round % 2 == 0 { mine = try await startThroughApus(apus, environment, count, round: round) }
            ours.append(mine)
            print(
                "\(count), round \(round): apus \(rounded(mine)) s, swarm \(rounded(swarms.last ?? .nan)) s, "
                    + "raw \(byWidth.joined(separator: ", ")) s"
            )
        }
        guard let best = theirs.values.min(by: { $0.median < $1.median }) else { return }
        Row(
            name: "start-\(count)",
            value: ours.median,
            unit: "s",
            against: "raw engine \(rounded(best.median)) s",
            ratio: zip(ours, best).map { $0 / $1 }.median,
            aim: 1.1
        ).show()
        Row(
            name: "start-\(count)-beside-swarm",
            value: ours.median,
            unit: "s",
            against: "Docker Swarm \(rounded(swarms.median)) s",
            ratio: zip(ours, swarms).map { $0 / $1 }.median,
            aim: 1
        ).show()
    }

    private func startThroughSwarm(
        _ swarm: Swarm,
        _ environment: BenchEnvironment,
        _ count: Int
    ) async throws -> Double {
        try await machineRests()
        let clock = ContinuousClock()
        let begin = clock.now
        try await swarm.create("start", image: environment.image, replicas: count)
        var ports: [Int] = []
        try await until("\(count) replicas have ports", within: .seconds(180), every: .milliseconds(50)) {
            ports = try await swarm.ports(of: "start")
            guard ports.count == count else { throw BenchError(description: "\(ports.count) have") }
        }
        try await allAnswer(ports)
        let taken = (clock.now - begin).inSeconds
        try await swarm.remove("start")
        return taken
    }

    private func startThroughApus(
        _ apus: DevProcess,
        _ environment: BenchEnvironment,
        _ count: Int,
        round: Int
    ) async throws -> Double {
        try await machineRests()
        let clock = ContinuousClock()
        let begin = clock.now
        let app = try await apus.create(environment.spec("BENCH\(count)-\(round)"), instances: count)
        var ports: Set<Int> = []
        // Seldom: what the looking costs is not the contestant's. A port is known before its container runs: who asked
        // it then would have the engine look for the container's address in vain, and only again after a second.
        try await until("\(count) instances run", within: .seconds(120), every: .milliseconds(50)) {
            let instances = try await apus.api.instances(of: app).filter {
                ["UNREADY", "READY", "HEALTHY"].contains($0.state)
            }
            ports = Set(instances.flatMap { $0.ports.map(\.hostPort) })
            guard ports.count == count else { throw BenchError(description: "\(ports.count) do") }
        }
        try await allAnswer(ports.sorted())
        let taken = (clock.now - begin).inSeconds
        try await apus.remove(app)
        return taken
    }

    /// The same containers by the engine's own means: create and start, `width` at a time.
    private func startRaw(
        _ engine: DockerEngine,
        _ environment: BenchEnvironment,
        _ count: Int,
        width: Int,
        round: Int
    ) async throws -> Double {
        let spec = environment.spec("RAW\(count)-\(round)-\(width)")
        let identity = NodeIdentity(
            cluster: ClusterID("bench"),
            id: ExecutorID("bench"),
            key: NodeKey("bench"),
            incarnation: 1,
            hostname: "127.0.0.1",
            port: 18_101,
            transport: .http
        )
        let host = ContainerHost(
            identity: identity,
            publishedAddress: "127.0.0.1",
            sharing: .shared(multiplier: 64),
            environment: [:],
            openFiles: nil
        )
        try await machineRests()
        let clock = ContinuousClock()
        let begin = clock.now
        let made = try await withThrowingTaskGroup(of: (ContainerID, Int).self) { group in
            var made: [(ContainerID, Int)] = []
            for number in 0..<count {
                if number >= width, let one = try await group.next() { made.append(one) }
                group.addTask { try await Self.startOne(number, spec, host, engine) }
            }
            for try await one in group { made.append(one) }
            return made
        }
        try await allAnswer(made.map(\.1))
        let taken = (clock.now - begin).inSeconds
        for (container, _) in made { try await engine.remove(container, force: true, volumes: true) }
        return taken
    }

    private static func startOne(
        _ number: Int,
        _ spec: ApplicationSpec,
        _ host: ContainerHost,
        _ engine: DockerEngine
    ) async throws -> (ContainerID, Int) {
        let reservation = try PortReservation(ports: spec.exposedPorts, address: "127.0.0.1", excluding: [])
        defer { reservation.release() }
        let instance = InstanceSpec(
            id: InstanceID("AI-00000000-0000-4000-8000-\(100_000_000_000 + number)"),
            spec: spec,
            allocation: ResourceAllocation(numaNode: 0, cores: [number], memoryMB: 32)
        )
        let container = try await engine.create(
            ContainerPlan(
                instance: instance,
                ports: reservation.mappings,
                host: host,
                epoch: 1,
                created: WallTime(milliseconds: 0)
            )
        )
        try await engine.start(container)
        return (container, reservation.mappings.first?.hostPort ?? 0)
    }

    /// One after the other: all must answer, and the asking takes as little as can be from whom it waits for.
    private func allAnswer(_ ports: [Int]) async throws {
        for port in ports { try await answering(port) }
    }
}
