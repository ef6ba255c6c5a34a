import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// The answers of a small fixed cluster, byte for byte (contract §1, §15).
@Suite struct AnswerShapeTests {
    private static let app = AppID("TEST_APP-1")
    private static let running = InstanceID("AI-00000000-0000-4000-8000-000000000001")
    private static let starting = InstanceID("AI-00000000-0000-4000-8000-000000000002")

    @Test func `every answer has the contract's keys in the contract's order`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: Self.records))
        try await withController(store: store, time: ManualTime().source) { controller in
            _ = await controller.inbox.submit(
                fullReport(Self.reports, revision: 3, fence: Fence(epoch: 2, sequence: 0))
            )
            for (path, file) in GoldenAnswers.all {
                // Later versions say more, after what was there.
                let answer = (await controller.get(path).json?.serialized ?? "")
                    .replacing(#","clusterId":"c1""#, with: "")
                    .replacing(#","history":[{"at":1753000000000,"state":"ACTIVE"}]"#, with: "")
                let expected = try GoldenAnswers.text(file)
                #expect(answer == expected, "GET \(path)")
            }
        }
    }

    // MARK: the cluster

    /// One application with two instances and one that ended, one suspended application.
    private static var records: [Write] {
        var spec = exampleSpec(
            tags: ["environment": "dev"],
            env: ["GREETING": "hello"],
            exposure: ExposureSpec(vhost: "testapp.local", portName: "main")
        )
        spec.resources = ResourceRequirements(cores: 1, memoryMB: 128)
        return [
            put(.application, "TEST_APP-1", application(spec, expected: 2, created: 1_753_000_000_000)),
            put(
                .application,
                "IDLE-2",
                application(exampleSpec(name: "IDLE", version: "2"), expected: 0, created: 1_753_000_001_000)
            ),
            put(.member, node.rawValue, member),
            put(.hint, node.rawValue, .members(["schema": 1, "executor": node.json, "instances": .array(hints)])),
            put(.ended, "TEST_APP-1/1", .members(["schema": 1, "page": 1, "entries": .array([ended])])),
        ]
    }

    private static func put(_ kind: RecordKind, _ id: String, _ json: JSON) -> Write {
        .put(RecordKey(kind, id), json.bytes)
    }

    private static func application(_ spec: ApplicationSpec, expected: Int64, created: Int64) -> JSON {
        .members([
            "schema": 1, "expected": .integer(expected), "created": .integer(created),
            "updated": .integer(created + 100_000),
            "lastOperation": .members([
                "id": "OP-1", "kind": "SCALE", "outcome": "FAILED", "reason": "not done within 5 minutes",
                "accepted": .integer(created), "ended": .integer(created + 100_000),
            ]),
            "spec": spec.json,
        ])
    }

    private static let member: JSON = .members([
        "schema": 1, "id": node.json, "key": "k1", "hostname": "node1", "port": 3000, "transport": "HTTP",
        "admitted": 1_752_000_000_000, "description": fullReport().description?.json,
    ])

    private static func allocation(core: Int) -> ResourceAllocation {
        ResourceAllocation(numaNode: 0, cores: [core], memoryMB: 128)
    }

    private static let hints: [JSON] = [(running, 1), (starting, 2)].map { id, core in
        .members([
            "id": id.json, "app": app.json, "allocation": allocation(core: core).json, "ports": .array([]),
            "healthy": false, "epoch": 1, "created": .integer(1_753_000_010_000 + Int64(core)),
            "updated": 1_753_000_020_000,
        ])
    }

    private static let ended: JSON = .members([
        "id": "AI-00000000-0000-4000-8000-000000000000", "app": app.json, "executor": node.json,
        "hostname": "node1", "allocation": allocation(core: 3).json, "ports": .array([]), "state": "STOPPED",
        "error": "container exited with code 137", "created": 1_753_000_005_000, "updated": 1_753_000_006_000,
    ])

    private static var reports: [InstanceReport] {
        [
            report(running, .healthy, core: 1, port: 33857, error: ""),
            report(starting, .unready, core: 2, port: 33858, error: ""),
        ]
    }

    private static func report(
        _ id: InstanceID,
        _ state: InstanceState,
        core: Int,
        port: Int,
        error: String
    ) -> InstanceReport {
        InstanceReport(
            id: id,
            owner: .application(app),
            appName: "TEST_APP",
            state: state,
            allocation: allocation(core: core),
            ports: [PortMapping(name: "main", containerPort: 8000, hostPort: port, type: .http)],
            error: error,
            cause: nil,
            created: WallTime(milliseconds: 1_753_000_010_000),
            updated: WallTime(milliseconds: 1_753_000_095_000),
            revision: 2
        )
    }
}
