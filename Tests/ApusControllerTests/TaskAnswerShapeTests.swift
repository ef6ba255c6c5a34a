import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// The answers about tasks, operations under way and executors in trouble, byte for byte (contract §1.3).
@Suite struct TaskAnswerShapeTests {
    private static let app = AppID("TEST_APP-1")
    private static let target = InstanceID("AI-00000000-0000-4000-8000-000000000001")
    private static let running = InstanceID("TI-00000000-0000-4000-8000-000000000002")
    private static let other = ExecutorID("a0b6b6f3-c7c8-3824-afc9-cb6d0b32454c")

    @Test func `every answer has the contract's keys in the contract's order, and after them those of Apus`()
        async throws
    {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: Self.records))
        try await withController(store: store, time: ManualTime().source) { controller in
            _ = await controller.inbox.submit(Self.reportInTrouble)
            _ = await controller.inbox.submit(
                fullReport(Self.reports, revision: 3, fence: Fence(epoch: 2, sequence: 0))
            )
            try await eventually("the waiting task was looked at") {
                let waiting = await controller.get("tasks/BATCH/instances/WAITING").json?["data"]
                return waiting?["errorMessage"]?.text?.contains("not enough cores") == true
            }
            for (path, file) in GoldenAnswers.tasks {
                // What was added later is looked at elsewhere.
                let answer = (await controller.get(path).json?.serialized ?? "")
                    .replacing(#","history":[{"at":1753000000000,"state":"ACTIVE"}]"#, with: "")
                let expected = try GoldenAnswers.text(file, version: 3)
                #expect(answer == expected, "GET \(path)")
            }
        }
    }

    // MARK: the cluster

    private static var records: [Write] {
        [
            put(.application, app.rawValue, application),
            put(.member, node.rawValue, member(node, "node1")),
            put(.member, other.rawValue, member(other, "node2")),
            put(.hint, node.rawValue, .members(["schema": 1, "executor": node.json, "instances": .array([hint])])),
            put(.ended, "\(app)/1", .members(["schema": 1, "page": 1, "entries": .array([ended])])),
            task("WAITING", cores: 64),
            task(
                "RUNNING",
                executor: node,
                assignment: assignment(running, .task(TaskID(source: "BATCH", name: "RUNNING")), core: 2)
            ),
            task("DONE", end: end(.exited(code: 0, outOfMemory: false))),
            task("FAILED", end: end(.exited(code: 137, outOfMemory: true), error: "it used more memory than 128 MB")),
            task("KILLED", end: end(.stopped(.killed), error: "killed by a user")),
            task("LOST", end: end(.executorLost, state: "LOST", error: "Instance lost: executor node1 is not heard")),
            task(
                "NOWHERE",
                end: end(.unplaceable, isPlaced: false, error: "found no place within 5 minutes: 1 executor: silent")
            ),
        ]
    }

    private static func put(_ kind: RecordKind, _ id: String, _ json: JSON) -> Write {
        .put(RecordKey(kind, id), json.bytes)
    }

    /// A replacement that waits: all cores of its size are held.
    private static var application: JSON {
        var spec = exampleSpec()
        spec.resources = ResourceRequirements(cores: 2, memoryMB: 128)
        return .members([
            "schema": 1, "expected": 1, "created": 1_753_000_000_000, "updated": 1_753_000_000_000,
            "operation": .members([
                "id": "OP-2", "kind": "REPLACE_INSTANCES", "parallelism": 1, "timeout": "5 minutes",
                "failureStrategy": "ROLLBACK", "rounds": 1, "before": 1, "order": "START_FIRST",
                "accepted": 1_753_000_000_000, "spentMilliseconds": 1500, "targets": .array([target.json]),
            ]),
            "lastOperation": .members([
                "id": "OP-1", "kind": "STOP_INSTANCES", "outcome": "SUCCEEDED", "reason": "",
                "accepted": 1_752_999_000_000, "ended": 1_752_999_001_000,
                "targets": ["AI-00000000-0000-4000-8000-000000000000"],
            ]),
            "spec": spec.json,
        ])
    }

    private static func member(_ id: ExecutorID, _ hostname: String) -> JSON {
        .members([
            "schema": 1, "id": id.json, "key": "k1", "hostname": .string(hostname), "port": 3000, "transport": "HTTP",
            "admitted": 1_752_000_000_000, "description": fullReport().description?.json,
        ])
    }

    private static func allocation(cores: [Int]) -> ResourceAllocation {
        ResourceAllocation(numaNode: 0, cores: cores, memoryMB: 128)
    }

    private static func assignment(_ id: InstanceID, _ owner: Owner, core: Int) -> JSON {
        .members([
            "id": id.json, "app": owner.json, "allocation": allocation(cores: [core]).json, "ports": .array([]),
            "healthy": false, "epoch": 1, "created": .integer(1_753_000_010_000 + Int64(core)),
            "updated": 1_753_000_020_000,
        ])
    }

    private static var hint: JSON {
        .members([
            "id": target.json, "app": app.json, "allocation": allocation(cores: [0, 1]).json, "ports": .array([]),
            "healthy": true, "epoch": 1, "created": 1_753_000_010_000, "updated": 1_753_000_020_000,
        ])
    }

    private static let ended: JSON = .members([
        "id": "AI-00000000-0000-4000-8000-000000000000", "app": app.json, "executor": node.json,
        "hostname": "node1", "allocation": allocation(cores: [3]).json, "ports": .array([]), "state": "STOPPED",
        "error": "", "cause": .members(["kind": "STOPPED", "reason": "REQUESTED"]), "created": 1_753_000_005_000,
        "updated": 1_753_000_006_000,
    ])

    private static func task(
        _ name: String,
        cores: Int = 1,
        executor: ExecutorID? = nil,
        assignment: JSON? = nil,
        end: JSON? = nil
    ) -> Write {
        let spec = TaskSpec(
            sourceAppName: "BATCH",
            taskID: name,
            executable: Executable(url: "job:1", dockerPullTimeout: DurationText(100, .seconds)),
            volumes: [MountedVolume(pathInContainer: "/data", pathOnHost: "/srv/data", mode: .readOnly)],
            resources: ResourceRequirements(cores: cores, memoryMB: 128),
            env: ["ITERATIONS": "10"]
        )
        return put(
            .task,
            "BATCH/\(name)",
            .members([
                "schema": 1, "created": 1_753_000_000_000, "updated": 1_753_000_001_000, "timeout": "5 minutes",
                "spentMilliseconds": 0, "killed": false, "refusals": 0, "executor": executor?.json,
                "assignment": assignment, "end": end, "spec": spec.json,
            ])
        )
    }

    private static func end(
        _ cause: EndCause,
        state: String = "STOPPED",
        isPlaced: Bool = true,
        error: String = ""
    ) -> JSON {
        let place: JSON = .members([
            "instance": "TI-00000000-0000-4000-8000-000000000009", "executor": node.json, "hostname": "node1",
            "allocation": allocation(cores: [3]).json,
        ])
        return .members([
            "state": .string(state), "cause": cause.json, "error": .string(error), "at": 1_753_000_001_000,
            "place": isPlaced ? place : nil,
        ])
    }

    // MARK: reports

    private static var reports: [InstanceReport] {
        [
            report(target, .application(app), .healthy, cores: [0, 1]),
            report(running, .task(TaskID(source: "BATCH", name: "RUNNING")), .running, cores: [2]),
        ]
    }

    private static func report(
        _ id: InstanceID,
        _ owner: Owner,
        _ state: InstanceState,
        cores: [Int]
    ) -> InstanceReport {
        InstanceReport(
            id: id,
            owner: owner,
            appName: "TEST_APP",
            state: state,
            allocation: allocation(cores: cores),
            ports: [],
            error: "",
            cause: nil,
            created: WallTime(milliseconds: 1_753_000_010_000),
            updated: WallTime(milliseconds: 1_753_000_095_000),
            revision: 2
        )
    }

    private static var reportInTrouble: NodeReport {
        var report = fullReport(revision: 3, fence: Fence(epoch: 2, sequence: 0))
        report.identity.id = other
        report.identity.hostname = "node2"
        report.description?.tags = ["node1"]
        report.troubles = [Trouble(nil, "the container engine at /run/docker.sock does not answer")]
        return report
    }
}
