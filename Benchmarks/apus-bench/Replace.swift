import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// From the kill of a service's only container until the service answers again: Apus beside Docker Swarm on one engine.
///
/// The contestants take turns, and each container has answered for longer than ten seconds when it is killed: Apus
/// replaces a first failure at once and holds later ones back, and Swarm is given the same rest. Swarm runs as it comes,
/// and a second time told not to wait its five seconds before a restart.
struct Replace: AsyncParsableCommand {
    @Option(help: "Kills of each contestant.") var kills = 10

    /// After this a service has proved itself, with a second to spare.
    private static let rest = Duration.seconds(11)
    private static let limit = 1.0

    func run() async throws {
        let environment = try BenchEnvironment()
        let engine = DockerEngine(socketPath: environment.socket)
        let client = HTTPClient(configuration: Self.eager)
        let apus = try DevProcess(environment, port: 18_300)
        let swarm = Swarm(socket: environment.socket, client: client)
        let result: Result<Void, any Error>
        do {
            try await apus.ready()
            try await swarm.begin()
            try await measure(apus, swarm, Ground(engine: engine, client: client), environment)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        apus.end()
        await swarm.end()
        try await client.shutdown()
        try await engine.shutdown()
        try result.get()
    }

    /// A refused connection is told at once instead of being tried again.
    private static var eager: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    private func measure(
        _ apus: DevProcess,
        _ swarm: Swarm,
        _ ground: Ground,
        _ environment: BenchEnvironment
    ) async throws {
        let app = try await apus.create(environment.spec("REPLACE"), instances: 1)
        try await swarm.create("as-it-comes", image: environment.image, port: 18_310, delay: nil)
        try await swarm.create("without-delay", image: environment.image, port: 18_311, delay: .zero)
        let contestants = [
            ApusService(apus: apus, app: app, engine: ground.engine) as any Contestant,
            SwarmService(name: "as-it-comes", port: 18_310, engine: ground.engine),
            SwarmService(name: "without-delay", port: 18_311, engine: ground.engine),
        ]
        var rested: [ContinuousClock.Instant] = []
        for contestant in contestants {
            _ = try await ground.successor(of: nil, in: contestant)
            rested.append(.now + Self.rest)
        }
        var taken: [[Double]] = contestants.map { _ in [] }
        for kill in 1...kills {
            for (index, contestant) in contestants.enumerated() {
                try await ContinuousClock().sleep(until: rested[index])
                let seconds = try await ground.replacement(in: contestant)
                taken[index].append(seconds)
                rested[index] = .now + Self.rest
            }
            print(
                "kill \(kill): apus \(rounded(taken[0][kill - 1])) s, swarm \(rounded(taken[1][kill - 1])) s, "
                    + "swarm without its delay \(rounded(taken[2][kill - 1])) s"
            )
        }
        show(taken)
        try await apus.remove(app)
    }

    private func show(_ taken: [[Double]]) {
        let (ours, theirs, eager) = (taken[0], taken[1], taken[2])
        print(
            "worst of \(kills): apus \(rounded(ours.max() ?? .nan)) s, swarm \(rounded(theirs.max() ?? .nan)) s, "
                + "swarm without its delay \(rounded(eager.max() ?? .nan)) s"
        )
        Row(
            name: "replace",
            value: ours.median,
            unit: "s",
            against: "limit \(Self.limit) s",
            ratio: ours.median / Self.limit,
            aim: 1
        ).show()
        for (name, peer, seconds) in [
            ("replace-beside-swarm", "Docker Swarm", theirs), ("replace-beside-eager", "the same without delay", eager),
        ] {
            Row(
                name: name,
                value: ours.median,
                unit: "s",
                against: "\(peer) \(rounded(seconds.median)) s",
                ratio: zip(ours, seconds).map { $0 / $1 }.median,
                aim: 1
            ).show()
        }
    }
}

/// Keeps a service of one container alive.
private protocol Contestant {
    var name: String { get }
    /// The container that runs now and the port it is published on; throws while there is none.
    func serving() async throws -> (container: ContainerID, port: Int)
    /// Throws unless the contestant itself calls the service whole.
    func whole() async throws
}

private struct ApusService: Contestant {
    let apus: DevProcess
    let app: AppID
    let engine: DockerEngine

    var name: String { "apus" }

    func serving() async throws -> (container: ContainerID, port: Int) {
        // The newest: a killed one is listed until its end is reported.
        guard let instance = try await apus.api.instances(of: app).last, let port = instance.ports.first?.hostPort
        else { throw BenchError(description: "no instance has a port") }
        let containers = try await engine.list(labels: ["apus.instance.id": instance.id.rawValue])
        guard let container = containers.first(where: \.isRunning) else {
            throw BenchError(description: "\(instance.id) has no running container")
        }
        return (container.id, port)
    }

    func whole() async throws {
        let healthy = try await apus.api.application(app).healthy
        guard healthy == 1 else { throw BenchError(description: "\(healthy) are healthy") }
    }
}

private struct SwarmService: Contestant {
    let name: String
    let port: Int
    let engine: DockerEngine

    func serving() async throws -> (container: ContainerID, port: Int) {
        let containers = try await engine.list(labels: ["com.docker.swarm.service.name": name])
        guard let container = containers.first(where: \.isRunning) else {
            throw BenchError(description: "no container of \(name) runs")
        }
        return (container.id, port)
    }

    func whole() async throws { _ = try await serving() }
}

/// What both contestants stand on, and how they are timed.
private struct Ground {
    private static let pause = Duration.milliseconds(5)

    let engine: DockerEngine
    let client: HTTPClient

    /// Kills a contestant's container; the seconds from the kill until another one of the service answered.
    func replacement(in contestant: any Contestant) async throws -> Double {
        try await contestant.whole()
        let (victim, _) = try await contestant.serving()
        let clock = ContinuousClock()
        let begin = clock.now
        // The kill's own answer comes late: whoever replaces is not held up by it.
        async let killed: Void = kill(victim)
        let end = try await successor(of: victim, in: contestant)
        try await killed
        try await until("\(contestant.name) is whole again", within: .seconds(60)) { try await contestant.whole() }
        return (end - begin).inSeconds
    }

    /// Waits until a container that is not the given one answers; when that was.
    func successor(of victim: ContainerID?, in contestant: any Contestant) async throws -> ContinuousClock.Instant {
        var end = ContinuousClock.now
        try await until("\(contestant.name) answers", within: .seconds(60), every: Self.pause) {
            let (container, port) = try await contestant.serving()
            guard container != victim else { throw BenchError(description: "the killed container is still there") }
            let answer = try await client.execute(
                HTTPClientRequest(url: "http://127.0.0.1:\(port)/"),
                timeout: .milliseconds(500)
            )
            _ = try await answer.body.collect(upTo: 65_536)
            guard answer.status == .ok else { throw BenchError(description: "answered \(answer.status)") }
            end = .now
        }
        return end
    }

    private func kill(_ container: ContainerID) async throws {
        try await EngineCall(socket: engine.socketPath, client: client)
            .send(.POST, "/containers/\(container)/kill", accepting: [204])
    }
}
