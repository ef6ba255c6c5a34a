import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Testing

/// Jobs among many others, and at an engine that fails.
@Suite(.timeLimit(.minutes(1)))
struct CrowdedPerformerTests {
    private static let command = CheckMode.command(CommandCheck(command: "true"))

    private static func perform(_ job: Job, _ number: Int, by performer: JobPerformer) async -> Outcome {
        await performer.perform(job, for: InstanceID("AI-\(number)"), portsInUse: [])
    }

    private static func check(_ timeout: Duration) -> Job {
        .check(command, container: ContainerID("c"), port: nil, timeout: timeout)
    }

    private static func failure(_ outcome: Outcome) throws -> JobFailure {
        guard case .failed(let failure) = outcome else { throw ExecutorError("\(outcome) is no failure") }
        return failure
    }

    /// Does the jobs side by side, one for each instance from 0 on, while `body` runs, and then gives them up.
    private static func beside(
        _ jobs: [Job],
        by performer: JobPerformer,
        _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for (number, job) in jobs.enumerated() {
                group.addTask { _ = await perform(job, number, by: performer) }
            }
            try await body()
        }
    }

    @Test func `a stop does not wait for slow pulls, however many`() async throws {
        // deadline: cancelled with the test's body
        let engine = ScriptedEngine(pulling: { try await Task.sleep(for: .seconds(600)) })
        let performer = LoopRig.performer(engine)
        // Those of one image would be one.
        let pulls = (0..<100).map { Job.pull(image: "new:\($0)", timeout: .seconds(600)) }
        try await Self.beside(pulls, by: performer) {
            try await eventually("no more pulls are begun") { engine.pulls == 64 }
            #expect(await Self.perform(.stop(ContainerID("c"), grace: .zero), 101, by: performer) == .stopped)
        }
    }

    @Test func `a check that never had its turn says nothing about the application`() async throws {
        let engine = ScriptedEngine(running: {
            // deadline: cancelled with the test's body
            try await Task.sleep(for: .seconds(600))
            return .runsOn
        })
        let performer = LoopRig.performer(engine, checkPatience: .milliseconds(100))
        let checks = Array(repeating: Self.check(.seconds(600)), count: 64)
        try await Self.beside(checks, by: performer) {
            try await eventually("each has its turn") { engine.commands == 64 }
            let failure = try Self.failure(await Self.perform(Self.check(.milliseconds(100)), 101, by: performer))
            #expect(failure.kind == .overloaded)
            #expect(failure.reason.contains("too busy to judge: waiting for its turn"), "\(failure.reason)")
            #expect(engine.commands == 64)
        }
    }

    @Test(arguments: [
        (ContainerError.Code.engine(status: 500), JobFailure.Kind.engineAway), (.unreadable, .engineAway),
        (.timedOut, .engineAway), (.unreachable, .engineAway), (.conflict, .other), (.notFound, .other),
    ])
    func `a command's check is not held against the application when the engine fails`(
        code: ContainerError.Code,
        kind: JobFailure.Kind
    ) async throws {
        let engine = ScriptedEngine(running: { throw ContainerError(code, doing: "running", message: "so it is") })
        let failure = try Self.failure(await Self.perform(Self.check(.seconds(5)), 1, by: LoopRig.performer(engine)))
        #expect(failure.kind == kind)
        #expect(failure.reason == "running: so it is")
    }

    @Test func `removals that wait for their output hold up no other job`() async throws {
        let engine = ScriptedEngine()
        let disk = DiskThread()
        let scratch = try Scratch()
        // It does not run, as if the disk took no more.
        let capture = LogCapture(root: scratch.path, source: ScriptedLogs(), disk: disk, logger: LoopRig.logger)
        let performer = LoopRig.performer(engine, logs: capture)
        var removals: [Job] = []
        for number in 0..<20 {
            let plan = ContainerPlan(name: "c\(number)", image: "app:1", memoryMB: 1)
            let container = try await engine.create(plan)
            capture.follow(
                instance: InstanceID("AI-\(number)"),
                owner: LogBench.owner,
                container: container,
                logging: nil
            )
            removals.append(.remove(container))
        }
        try await Self.beside(removals, by: performer) {
            let begun = ContinuousClock.now
            try await eventually("all of them wait") { ContinuousClock.now - begun > .milliseconds(300) }
            let spec = LoopRig.spec(101)
            let create = Job.create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: [])
            guard case .created = await performer.perform(create, for: spec.id, portsInUse: []) else {
                Issue.record("it was not created")
                return
            }
            #expect(engine.base.ids.count == 21)
        }
        try await disk.end()
    }
}
