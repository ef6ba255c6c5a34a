import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What becomes of an executor's work when its container engine stands still, restarts or has no room left.
@Suite(
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil)
)
struct EngineLossTests {
    private static let selection = ContainerLabels.selection(
        cluster: LoopRig.identity.cluster,
        executor: LoopRig.identity.id
    )

    private static func creation(_ number: Int, _ own: OwnEngine) -> (InstanceID, Job) {
        let spec = LoopRig.spec(number, image: own.image)
        return (spec.id, .create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: []))
    }

    /// Does all of them at once.
    private static func perform(_ jobs: [(InstanceID, Job)], by performer: JobPerformer) async -> [Outcome] {
        await withTaskGroup(of: Outcome.self) { group in
            for (instance, job) in jobs {
                group.addTask { await performer.perform(job, for: instance, portsInUse: []) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Runs a test with a client of the engine that gives up soon, and with one that does not.
    private static func with(
        _ own: OwnEngine,
        _ body: (_ hasty: DockerEngine, _ patient: DockerEngine) async throws -> Void
    ) async throws {
        let hasty = DockerEngine(socketPath: own.socketPath, callTimeout: .seconds(2))
        let patient = DockerEngine(socketPath: own.socketPath)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(hasty, patient))
        } catch {
            result = .failure(error)
        }
        try await hasty.shutdown()
        try await patient.shutdown()
        try result.get()
    }

    @Test
    func `an engine that stands still fails every job in time, and everything goes on when it goes on`() async throws {
        try await OwnEngine.run { own in
            try await Self.with(own) { hasty, engine in
                let performer = LoopRig.performer(hasty)
                let runs = try await Self.running(own, engine, performer)
                let creations = (1...12).map { Self.creation($0, own) }
                try await own.freeze()
                let command = CheckMode.command(CommandCheck(command: "true"))
                let others: [Job] = [
                    .pull(image: own.image, timeout: .seconds(1)),
                    .start(runs),
                    .check(command, container: runs, port: nil, timeout: .milliseconds(100)),
                    .stop(ContainerID("none"), grace: .zero),
                    .remove(ContainerID("none")),
                ]
                let begin = ContinuousClock.now
                let jobs = creations + others.enumerated().map { (InstanceID("other-\($0)"), $1) }
                for outcome in await Self.perform(jobs, by: performer) {
                    guard case .failed(let failure) = outcome else {
                        Issue.record("\(outcome)")
                        continue
                    }
                    #expect(failure.kind == .engineAway, "\(failure)")
                }
                // Two seconds each, eight at once; the engine's own deadline is a minute.
                #expect(ContinuousClock.now - begin < .seconds(45))
                try await own.thaw()
                let later = LoopRig.performer(engine)
                // Whether the engine has made some of them all the same is not known: each is there once.
                for outcome in await Self.perform(creations, by: later) {
                    guard case .created = outcome else {
                        Issue.record("\(outcome)")
                        continue
                    }
                }
                let found = try await engine.containers(labels: Self.selection)
                #expect(found.filter { $0.state == .created }.count == creations.count)
                let check = Job.check(command, container: runs, port: nil, timeout: .seconds(20))
                #expect(await Self.perform([(InstanceID("x"), check)], by: later) == [.passed])
            }
        }
    }

    @Test
    func `a command's time is not up when it is the engine that stands still`() async throws {
        try await OwnEngine.run { own in
            try await Self.with(own) { engine, patient in
                let runs = try await Self.running(own, engine, LoopRig.performer(engine))
                // As no other process of this machine is called.
                let command = ["sleep", "\(Int.random(in: 100_000...999_999))"]
                let running = Task { try await engine.run(command, in: runs, within: .seconds(15)) }
                try await eventually("it runs") { try Self.processes(named: command.joined(separator: " ")) > 0 }
                try await own.freeze()
                await #expect(throws: ContainerError.self) { try await running.value }
                try await own.thaw()
                let version = try await patient.version().engine
                // From 23 on an engine ends a command that nobody follows, and it can be begun anew.
                let isEnded = try #require(version.split(separator: ".").first.flatMap { Int($0) }) >= 23
                try await eventually("engine \(version) goes on with the command, or has ended it") {
                    let result = try await engine.run(command, in: runs, within: .seconds(2))
                    if !isEnded { #expect(result == .stillRuns) }
                    return result == (isEnded ? .runsOn : .stillRuns)
                }
            }
        }
    }

    @Test
    func `an engine without room says so, leaves nothing half made, and goes on when there is room`() async throws {
        try await OwnEngine.run(diskMB: 64) { own in
            try await Self.with(own) { engine, _ in
                let performer = LoopRig.performer(engine)
                try await own.asRoot("dd if=/dev/zero of=\(own.dataRoot)/filler bs=64k || true")
                let outcomes = await Self.perform((1...3).map { Self.creation($0, own) }, by: performer)
                for outcome in outcomes {
                    guard case .failed(let failure) = outcome else {
                        Issue.record("\(outcome)")
                        continue
                    }
                    #expect(failure.kind == .other)
                    #expect(failure.reason.contains("no space left on device"), "\(failure)")
                }
                #expect(try await engine.list(labels: [:]).isEmpty)
                let registry = try await SmallRegistry()
                let image = registry.image
                let pull = (InstanceID("pull"), Job.pull(image: image, timeout: .seconds(20)))
                guard case .failed(let failure)? = await Self.perform([pull], by: performer).first else {
                    Issue.record("it was pulled")
                    return
                }
                #expect(failure.reason.contains("no space left on device"), "\(failure)")
                #expect(try await engine.imageID(of: image) == nil)
                try await own.asRoot("rm \(own.dataRoot)/filler")
                let again = await Self.perform([Self.creation(1, own)], by: performer)
                guard case .created? = again.first else {
                    Issue.record("\(again)")
                    return
                }
                #expect(await Self.perform([pull], by: performer) == [.pulled])
                try await registry.stop()
            }
        }
    }

    /// A container that runs and is none of the executor's.
    private static func running(
        _ own: OwnEngine,
        _ engine: DockerEngine,
        _ performer: JobPerformer
    ) async throws -> ContainerID {
        let plan = ContainerPlan(name: "runs", image: own.image, command: ["sleep", "600"], memoryMB: 32)
        let id = try await engine.create(plan)
        try await engine.start(id)
        return id
    }

    private static func processes(named command: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.count { pid in
            let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
            return String(decoding: bytes, as: UTF8.self).split(separator: "\0").joined(separator: " ") == command
        }
    }
}
