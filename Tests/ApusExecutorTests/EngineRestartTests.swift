import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// An executor's instances over restarts of its container engine.
@Suite(
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil)
)
struct EngineRestartTests {
    private let leader = Leader()
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A real agent, journal and loop on a real engine.
    private func life(_ own: OwnEngine, _ body: (LoopRig.Life, DockerEngine) async throws -> Void) async throws {
        let engine = DockerEngine(socketPath: own.socketPath, callTimeout: .seconds(5))
        var result = Result<Void, any Error>.success(())
        do {
            try await LoopRig.life(in: scratch, around: engine, reporting: { [leader] in leader.take($0) }) {
                try await body(LoopRig.Life(desk: $0, journal: $1, leader: leader), engine)
            }
        } catch {
            result = .failure(error)
        }
        try await engine.shutdown()
        try result.get()
    }

    /// Asked by a command, which needs the engine itself, and patiently.
    private func spec(_ own: OwnEngine) -> InstanceSpec {
        var spec = LoopRig.spec(1, image: own.image)
        guard case .application(var application) = spec.workload else { preconditionFailure("it is an application") }
        application.healthcheck = CheckSpec(
            mode: .command(CommandCheck(command: "true")),
            timeout: DurationText(2, .seconds),
            interval: DurationText(1, .seconds),
            attempts: 100
        )
        application.readiness = application.healthcheck
        spec.workload = .application(application)
        return spec
    }

    private func healthy(_ own: OwnEngine, _ life: LoopRig.Life) async throws -> InstanceID {
        let spec = spec(own)
        guard case .answered(.accepted) = await life.start(spec) else {
            Issue.record("the start was refused")
            return spec.id
        }
        try await eventually("it is healthy") { leader.instance(spec.id)?.state == .healthy }
        return spec.id
    }

    private func container(_ engine: DockerEngine) async throws -> ContainerID {
        let found = try await engine.containers(
            labels: ContainerLabels.selection(cluster: LoopRig.identity.cluster, executor: LoopRig.identity.id)
        )
        return try #require(found.first).id
    }

    @Test
    func `an engine that keeps containers alive is restarted, and the end of one is still heard`() async throws {
        try await OwnEngine.run(liveRestore: true) { own in
            try await life(own) { life, engine in
                let id = try await healthy(own, life)
                let before = try await container(engine)
                try await own.end()
                try await own.start()
                #expect(try await container(engine) == before)
                #expect(leader.instance(id)?.state == .healthy)
                try await engine.stop(before, grace: .zero)
                try await eventually("its end is told") {
                    if case .exited? = leader.instance(id)?.cause { true } else { false }
                }
            }
        }
    }

    @Test
    func `an engine that takes its containers with it tells their ends when it is back`() async throws {
        try await OwnEngine.run(liveRestore: false) { own in
            try await life(own) { life, engine in
                let id = try await healthy(own, life)
                try await own.end()
                try await own.start()
                try await eventually("its end is told") {
                    if case .exited? = leader.instance(id)?.cause { true } else { false }
                }
                try await eventually("it is cleaned up") { leader.instance(id)?.state == .stopped }
            }
        }
    }
}
