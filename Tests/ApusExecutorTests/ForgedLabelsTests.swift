import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// Containers with labels forged by hand, on a real engine, beside an executor at work.
@Suite(
    .timeLimit(.minutes(3)),
    .enabled(if: ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil)
)
struct ForgedLabelsTests {
    private let scratch: Scratch
    private let engine: DockerEngine
    private let image: String
    private let identity: NodeIdentity
    /// All that a test makes bears it.
    private let mark = ["apus.test": UUID().uuidString]

    init() throws {
        scratch = try Scratch()
        let environment = ProcessInfo.processInfo.environment
        image = try #require(environment["APUS_TEST_IMAGE"], "scripts/test sets it")
        engine = DockerEngine(
            socketPath: try #require(environment["APUS_TEST_DOCKER_SOCKET"], "scripts/test sets it")
        )
        var identity = LoopRig.identity
        identity.cluster = ClusterID("test-\(UUID().uuidString)")
        self.identity = identity
    }

    /// Sound labels of an instance that no journal knows.
    private func sound(_ instance: String, slots: [Int]) -> [String: String] {
        ContainerLabels(
            cluster: identity.cluster,
            executor: identity.id,
            epoch: 1,
            instance: InstanceID(instance),
            owner: .application(AppID("forged-1")),
            appName: "forged",
            jobType: .service,
            created: WallTime(milliseconds: 1),
            allocation: ResourceAllocation(numaNode: 0, cores: slots, memoryMB: 64),
            ports: [],
            checks: nil,
            hooks: nil
        ).dictionary
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    /// What must be left alone: one label of each is forged.
    private static let unsound: [(name: String, label: String, value: String?)] = [
        ("later-schema", "apus.schema", "2"), ("no-schema", "apus.schema", nil), ("word-schema", "apus.schema", "x"),
        ("huge-schema", "apus.schema", "99999999999999999999"),
        ("long-id", "apus.instance.id", String(repeating: "i", count: 300)),
        ("no-id", "apus.instance.id", nil), ("empty-id", "apus.instance.id", ""),
        ("long-app", "apus.app.id", String(repeating: "a", count: 100_000)), ("no-app", "apus.app.id", nil),
        ("list-allocation", "apus.allocation", "[]"), ("torn-allocation", "apus.allocation", #"{"numaNode":0,"co"#),
        ("word-allocation", "apus.allocation", #"{"numaNode":"0","cores":["1"],"memoryMB":"64"}"#),
        ("fraction-allocation", "apus.allocation", #"{"numaNode":0,"cores":[1.5],"memoryMB":64}"#),
        ("debt-allocation", "apus.allocation", #"{"numaNode":0,"cores":[1],"memoryMB":-64}"#),
        ("far-allocation", "apus.allocation", #"{"numaNode":0,"cores":[9999999],"memoryMB":64}"#),
        ("deep-allocation", "apus.allocation", nested(100_000)),
        ("high-port", "apus.ports", #"[{"name":"m","containerPort":80,"hostPort":70000,"portType":"HTTP"}]"#),
        ("low-port", "apus.ports", #"[{"name":"m","containerPort":80,"hostPort":-1,"portType":"HTTP"}]"#),
        ("object-ports", "apus.ports", "{}"), ("number-checks", "apus.checks", "7"),
        ("endless-check", "apus.checks", #"{"readiness":{},"healthcheck":{},"whole":true}"#),
        ("word-created", "apus.created", "soon"), ("word-job", "apus.job.type", "DAEMON"),
        ("half-task", "apus.task.id", "T1"),
    ]

    private func create(_ name: String, _ labels: [String: String]) async throws -> ContainerID {
        let id = try await engine.create(
            ContainerPlan(
                name: "\(name)-\(mark["apus.test"] ?? "")",
                image: image,
                labels: labels.merging(mark) { own, _ in own },
                memoryMB: 64
            )
        )
        try await engine.start(id)
        return id
    }

    @Test func `whatever labels say, the executor goes on, and what is not its own is left alone`() async throws {
        let result: Result<Void, any Error>
        do {
            result = .success(try await attack())
        } catch {
            result = .failure(error)
        }
        for left in try await engine.list(labels: mark) {
            try await engine.remove(left.id, force: true, volumes: true)
        }
        let own = ContainerLabels.selection(cluster: identity.cluster, executor: identity.id)
        for left in try await engine.list(labels: own) {
            try await engine.remove(left.id, force: true, volumes: true)
        }
        try await engine.shutdown()
        try result.get()
    }

    private func attack() async throws {
        // Others' on the same engine: as sound as can be, with the ids and places of ours.
        var strangers: [ContainerID] = []
        for (label, value) in [("apus.cluster", "another"), ("apus.executor", "another")] {
            var labels = sound("AI-1", slots: [1])
            labels[label] = value
            strangers.append(try await create("stranger-\(value)-\(strangers.count)", labels))
        }
        strangers.append(try await create("plain", [:]))
        var aside: Set<ContainerID> = []
        for forged in Self.unsound {
            var labels = sound("AI-\(forged.name)", slots: [2])
            labels[forged.label] = forged.value
            aside.insert(try await create(forged.name, labels))
        }
        // Sound, and yet nobody asked for them: on the slots of one another, and two with one id.
        let overlapping = try await create("overlapping", sound("AI-one", slots: [3]))
        let overlapped = try await create("overlapped", sound("AI-two", slots: [3]))
        let twins = [
            try await create("twin-a", sound("AI-twin", slots: [4])),
            try await create("twin-b", sound("AI-twin", slots: [4])),
        ]

        let reported = Reported()
        let leader = Leader()
        let take: @Sendable (NodeReport) -> ReportAnswer = { report in
            reported.take(report)
            return leader.take(report)
        }
        try await LoopRig.life(in: scratch, around: engine, as: identity, reporting: take) { desk, _ in
            try await eventually("what is unsound is reported, and nothing else", within: .seconds(60)) {
                let quarantine = reported.quarantine
                return quarantine.count == aside.count && Set(quarantine.named.map(\.container)) == aside
            }
            var command = leader.command(.start(LoopRig.spec(1, image: image)))
            command.cluster = identity.cluster
            guard case .answered(.accepted) = await desk.take(command) else {
                Issue.record("the executor takes no work")
                return
            }
            try await eventually("a real instance becomes healthy", within: .seconds(60)) {
                leader.instance(InstanceID("AI-1"))?.state == .healthy
            }
            for id in ["AI-one", "AI-two", "AI-twin"] {
                #expect(leader.instance(InstanceID(id))?.appName == "forged", "the leader decides about \(id)")
            }
            try await eventually("of two with one id one stays", within: .seconds(60)) {
                try await running(twins).count == 1
            }
        }
        #expect(try await running(strangers).count == strangers.count)
        #expect(try await running(Array(aside)).count == aside.count)
        #expect(try await running([overlapping, overlapped]).count == 2)
    }

    private func running(_ ids: [ContainerID]) async throws -> [ContainerID] {
        let all = try await engine.list(labels: mark)
        return ids.filter { id in all.contains { $0.id == id && $0.isRunning } }
    }
}

/// What was last said to be left alone.
private final class Reported: Sendable {
    private let last = Mutex(Quarantine())

    var quarantine: Quarantine { last.withLock { $0 } }

    func take(_ report: NodeReport) {
        guard let quarantine = report.quarantine else { return }
        last.withLock { $0 = quarantine }
    }
}
