import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// What pages show of the whole cluster, and what Drove's executors ask (contract §1.4, §1.9).
@Suite struct DashboardTests {
    private static func withNode(
        time: TimeSource = .system(),
        _ body: @escaping @Sendable (Controller, ScriptedNode) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), time: time, send: node.send) { controller in
            await node.report(to: controller)
            try await body(controller, node)
        }
    }

    @Test func `the dashboard of an empty cluster has the contract's keys in the contract's order`() async throws {
        try await Self.withNode(time: ManualTime().source) { controller, _ in
            try await eventually("the executor is there") {
                await controller.get("cluster").json?["data"]?["numExecutors"] == 1
            }
            let summary = try #require(await controller.get("cluster").json?["data"])
            #expect(
                await controller.get("cluster/dashboard").json?["data"]?.serialized
                    == #"{"clusterSummary":\#(summary.serialized),"#
                    + #""appStats":{"appCountByState":{},"topApps":[],"totalHealthyInstances":0},"#
                    + #""taskStats":{"taskCountByState":{},"topTasks":[]},"#
                    + #""serviceStats":{"serviceCountByState":{},"serviceCountByActivationState":{},"topServices":[],"#
                    + #""totalHealthyInstances":0},"#
                    + #""executorStats":{"executorCountByState":{"ACTIVE":1},"utilization":{"averageUtilization":0.0,"#
                    + #""highestUtilization":0.0,"lowestUtilization":0.0,"balanceScore":100.0}},"#
                    + #""generatedAt":1753000000000}"#
            )
        }
    }

    @Test func `the dashboard counts states and shows the applications with the most healthy instances first`()
        async throws
    {
        try await Self.withNode { controller, node in
            for (name, count) in [("FEW", 1), ("MANY", 2), ("A", 0), ("B", 0), ("C", 0), ("D", 0)] {
                let operation = create(exampleSpec(name: name), instances: count)
                #expect(await controller.post("applications/operations", operation.json.serialized).status == 200)
            }
            try await eventually("all are healthy", node, controller) {
                await controller.get("cluster/dashboard").json?["data"]?["appStats"]?["totalHealthyInstances"] == 3
            }
            let data = await controller.get("cluster/dashboard").json?["data"]
            guard case .array(let top)? = data?["appStats"]?["topApps"] else {
                Issue.record("no list")
                return
            }
            #expect(top.map { $0["id"]?.text } == ["MANY-1", "FEW-1", "A-1", "B-1", "C-1"])
            #expect(top.first?["healthyInstances"] == 2 && top.first?["requiredInstances"] == 2)
            #expect(data?["appStats"]?["appCountByState"]?["MONITORING"] == 4)
            #expect(data?["executorStats"]?["utilization"]?["averageUtilization"] == .number(75))
            #expect(data?["executorStats"]?["executorCountByState"] == ["ACTIVE": 1])
        }
    }

    // MARK: Drove's executors

    @Test func `an executor of Drove learns what it is to keep and what it is to stop`() async throws {
        try await Self.withNode { controller, node in
            let operation = create(exampleSpec(), instances: 2)
            #expect(await controller.post("applications/operations", operation.json.serialized).status == 200)
            try await eventually("both are healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 2
            }
            let ids = Set(await Self.ids(controller, "applications/TEST_APP-1/instances"))
            for kind in ["last", "current"] {
                let path = "internal/cluster/executors/\(ApusControllerTests.node)/instances/\(kind)"
                let known = try #require(await controller.get(path).json?["data"])
                guard case .array(let kept)? = known["appInstanceIds"] else {
                    Issue.record("no list: \(known.serialized)")
                    return
                }
                #expect(Set(kept.compactMap(\.text)) == ids)
                #expect(
                    known.serialized.hasSuffix(
                        #","staleAppInstanceIds":[],"taskInstanceIds":[],"staleTaskInstanceIds":[],"#
                            + #""localServiceInstanceIds":[],"staleLocalServiceInstanceIds":[]}"#
                    )
                )
            }
            // Nothing of it is wanted any more, and nothing has ended yet.
            node.isStalled = true
            let suspension = ApplicationOperation.suspend(AppID("TEST_APP-1"), opSpec)
            #expect(await controller.post("applications/operations", suspension.json.serialized).status == 200)
            let current = "internal/cluster/executors/\(ApusControllerTests.node)/instances/current"
            let known = await controller.get(current).json?["data"]
            guard case .array(let stale)? = known?["staleAppInstanceIds"] else {
                Issue.record("no list")
                return
            }
            #expect(Set(stale.compactMap(\.text)) == ids && known?["appInstanceIds"] == [])
        }
    }

    @Test func `an executor of Drove that was given up is to stop all that it had`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: lostRecords))
        try await withController(store: store) { controller in
            let path = "internal/cluster/executors/\(ApusControllerTests.node)/instances"
            #expect(
                await controller.get("\(path)/last").json?["data"]?.serialized
                    == #"{"appInstanceIds":[],"staleAppInstanceIds":["AI-1"],"taskInstanceIds":[],"#
                    + #""staleTaskInstanceIds":["TI-1"],"localServiceInstanceIds":[],"#
                    + #""staleLocalServiceInstanceIds":[]}"#
            )
            #expect(await controller.get("\(path)/current").json?["status"] == "FAILED")
        }
    }

    /// A lost executor; an instance and a task that were lost with it, and an instance that had ended before.
    private var lostRecords: [Write] {
        let allocation = ResourceAllocation(numaNode: 0, cores: [1], memoryMB: 128).json
        func ended(_ id: String, _ state: String) -> JSON {
            .members([
                "id": .string(id), "app": "TEST_APP-1", "executor": ApusControllerTests.node.json, "hostname": "node1",
                "allocation": allocation, "ports": .array([]), "state": .string(state), "error": "", "created": 1,
                "updated": 2,
            ])
        }
        let place: JSON = .members([
            "instance": "TI-1", "executor": ApusControllerTests.node.json, "hostname": "node1",
            "allocation": allocation,
        ])
        let task = TaskSpec(
            sourceAppName: "BATCH",
            taskID: "T1",
            executable: Executable(url: "job:1"),
            resources: ResourceRequirements(cores: 1, memoryMB: 128)
        )
        let records: [(RecordKind, String, JSON)] = [
            (
                .member, ApusControllerTests.node.rawValue,
                .members([
                    "schema": 1, "id": ApusControllerTests.node.json, "key": "k1", "hostname": "node1", "port": 3000,
                    "transport": "HTTP", "admitted": 1, "lostSince": 2, "description": fullReport().description?.json,
                ])
            ),
            (
                .application, "TEST_APP-1",
                .members(["schema": 1, "expected": 1, "created": 1, "updated": 1, "spec": exampleSpec().json])
            ),
            (
                .ended, "TEST_APP-1/1",
                .members([
                    "schema": 1, "page": 1, "entries": .array([ended("AI-0", "STOPPED"), ended("AI-1", "LOST")]),
                ])
            ),
            (
                .task, "BATCH/T1",
                .members([
                    "schema": 1, "created": 1, "updated": 2, "timeout": "5 minutes", "spentMilliseconds": 0,
                    "killed": false, "refusals": 0, "spec": task.json,
                    "end": .members(["state": "LOST", "error": "lost", "at": 2, "place": place]),
                ])
            ),
        ]
        return records.map { kind, id, json in .put(RecordKey(kind, id), json.bytes) }
    }

    private static func ids(_ controller: Controller, _ path: String) async -> [String] {
        guard case .array(let instances)? = await controller.get(path).json?["data"] else { return [] }
        return instances.compactMap { $0["instanceId"]?.text }
    }

    @Test func `what local services that run take is reserved on every executor`() async throws {
        try await Self.withNode { controller, _ in
            let path = "internal/cluster/resources/reserved"
            let create = LocalServiceOperation.create(exampleService(), instancesPerHost: 2)
            #expect(await controller.post("localservices/operations", create.json.serialized).status == 200)
            let before = await controller.get(path).json?["data"]?.serialized
            #expect(before == #"{"cpus":0,"memory":0,"requiredInstances":{}}"#)
            let activate = LocalServiceOperation.activate(ServiceID("TEST_SERVICE-1"))
            #expect(await controller.post("localservices/operations", activate.json.serialized).status == 200)
            let after = await controller.get(path).json?["data"]?.serialized
            #expect(after == #"{"cpus":2,"memory":256,"requiredInstances":{"TEST_SERVICE-1":2}}"#)
        }
    }
}
