import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Testing

/// `…/explain`, and `POST /v1/cluster/placement/simulate` (contract §1.4).
@Suite struct ExplainAPITests {
    private static func withNode(_ body: @escaping @Sendable (Controller, ScriptedNode) async throws -> Void)
        async throws
    {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            await node.report(to: controller)
            try await body(controller, node)
        }
    }

    private static func task(_ name: String, policy: PlacementPolicy? = nil) -> TaskSpec {
        TaskSpec(
            sourceAppName: "BATCH",
            taskID: name,
            executable: Executable(url: "job:1", dockerPullTimeout: DurationText(1, .minutes)),
            resources: ResourceRequirements(cores: 1, memoryMB: 64),
            placementPolicy: policy
        )
    }

    private static func simulation(of spec: JSON, _ count: Int64, policy: JSON? = nil) -> String {
        JSON.members(["spec": spec, "numInstances": .integer(count), "placementPolicy": policy]).serialized
    }

    @Test func `an application that lacks room says why, with reasons that sum to the executors`() async throws {
        try await Self.withNode { controller, node in
            // Four cores are there.
            _ = await controller.post(
                "applications/operations",
                create(exampleSpec(cores: 3), instances: 2).json.serialized
            )
            try await eventually("one is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            let answer = await controller.get("applications/TEST_APP-1/explain?executors=true").json?["data"]
            #expect(answer?["wanted"] == 2 && answer?["alive"] == 1 && answer?["healthy"] == 1)
            #expect(
                answer?["placement"]?.serialized
                    == #"{"executors":1,"fitting":0,"refusals":[{"reason":"not enough cores","executors":1}],"#
                    + #""suggestion":"ask for 2 cores fewer"}"#
            )
            #expect(
                answer?["hindrances"]?.serialized.contains(#"{"code":"NO_ROOM","text":"no executor takes one more"}"#)
                    == true
            )
            #expect(
                answer?["text"]?.serialized.hasSuffix(
                    #""0 of 1 executors would take one more: 1 not enough cores","#
                        + #""cheapest change that would make it fit: ask for 2 cores fewer"]"#
                ) == true,
                "\(answer?["text"]?.serialized ?? "")"
            )
            #expect(
                answer?["executors"]?.serialized == """
                    [{"executorId":"93b6b6f3-c7c8-3824-afc9-cb6d0b32454c","hostname":"node1","port":3000,"fits":false,\
                    "reason":"not enough cores"}]
                    """
            )
            #expect(await controller.get("applications/TEST_APP-1/explain").json?["data"]?["executors"] == nil)
            let unknown = await controller.get("applications/NOPE-1/explain")
            #expect(unknown.json?.serialized == #"{"status":"FAILED","message":"App NOPE-1 not found"}"#)
        }
    }

    @Test func `a task that waits, runs or has ended says so`() async throws {
        try await Self.withNode { controller, node in
            for spec in [Self.task("T1"), Self.task("T2", policy: .ruleBased(PlacementRule("false")))] {
                let body: JSON = ["type": "CREATE", "spec": spec.json, "opSpec": opSpec.json]
                #expect(await controller.post("tasks/operations", body.serialized).status == 200)
            }
            try await eventually("one runs", node, controller) {
                await controller.get("tasks/BATCH/instances/T1").json?["data"]?["state"] == "RUNNING"
            }
            let runs = await controller.get("tasks/BATCH/instances/T1/explain").json?["data"]
            #expect(runs?["text"] == ["BATCH/T1 is RUNNING on node1"])
            #expect(runs?["placement"] == nil)
            let waits = await controller.get("tasks/BATCH/instances/T2/explain").json?["data"]
            #expect(
                waits?["text"] == [
                    "BATCH/T2 waits for a place, at most 5 minutes",
                    "0 of 1 executors would take one: 1 ruled out by the policy's rule",
                ]
            )
            let unknown = await controller.get("tasks/BATCH/instances/T3/explain")
            #expect(unknown.json?["message"] == "No such task instance BATCH/T3")
        }
    }

    @Test func `a local service says of every executor what hinders it there`() async throws {
        try await Self.withNode { controller, _ in
            let id = ServiceID("TEST_SERVICE-1")
            for operation in [
                LocalServiceOperation.create(exampleService(cores: 9), instancesPerHost: 1), .activate(id),
            ] {
                let answer = await controller.post("localservices/operations", operation.json.serialized)
                #expect(answer.status == 200)
            }
            let answer = await controller.get("localservices/TEST_SERVICE-1/explain?executors=true").json?["data"]
            #expect(
                answer?["text"] == [
                    "TEST_SERVICE-1 wants 1 instance: 0 there, 0 healthy",
                    "0 of 1 executors have all that is wanted there: 1 not enough cores",
                ]
            )
            #expect(
                answer?["placement"]?.serialized
                    == #"{"executors":1,"fitting":0,"refusals":[{"reason":"not enough cores","executors":1}]}"#
            )
            #expect(answer?["executors"]?[0]?["reason"] == "not enough cores")
            let unknown = await controller.get("localservices/NOPE-1/explain")
            #expect(unknown.json?.serialized == #"{"status":"FAILED","message":"Local service NOPE-1 not found"}"#)
        }
    }

    // MARK: simulation

    @Test func `a simulation places on what is free, tells what does not fit, and changes nothing`() async throws {
        try await Self.withNode { controller, _ in
            let spec = exampleSpec(memoryMB: 64).json
            let fits = await controller.post("cluster/placement/simulate", Self.simulation(of: spec, 2))
            #expect(fits.json?["data"]?.serialized == #"{"requested":2,"placed":2,"errors":[]}"#)
            let body = Self.simulation(of: spec, 6)
            for _ in 0..<2 {
                let answer = await controller.post("cluster/placement/simulate?detail=true", body)
                #expect(answer.status == 200)
                let place = """
                    {"executorId":"93b6b6f3-c7c8-3824-afc9-cb6d0b32454c","hostname":"node1","port":3000,"executorState":"ACTIVE"}
                    """
                #expect(
                    answer.json?["data"]?.serialized.hasPrefix(
                        #"{"requested":6,"placed":4,"errors":["2 of 6 instances found no place: 0 of 1 executors fit: 1 not enough cores","#
                    ) == true,
                    "\(answer.json?.serialized ?? "")"
                )
                #expect(
                    answer.json?["data"]?["placements"]?.serialized
                        == "[\([place, place, place, place].joined(separator: ","))]"
                )
            }
            #expect(await controller.get("applications").json?["data"] == .object([]))
        }
    }

    @Test func `the policy beside the specification takes the place of its own, for tasks too`() async throws {
        try await Self.withNode { controller, _ in
            for spec in [exampleSpec().json, Self.task("T").json] {
                let policy: JSON = ["type": "ONE_PER_HOST"]
                let answer = await controller.post(
                    "cluster/placement/simulate",
                    Self.simulation(of: spec, 2, policy: policy)
                )
                #expect(answer.json?["data"]?["placed"] == 1)
            }
        }
    }

    @Test(arguments: [
        (#"{"spec":{},"numInstances":1}"#, "name - Application name is mandatory"),
        (#"{"numInstances":0}"#, "numInstances must be greater than or equal to 1"),
        (#"{"spec":{"taskId":"T"},"numInstances":1000000000}"#, "numInstances must be less than or equal to 2048"),
    ])
    func `a simulation of what cannot be is refused where the client looks for it`(_ body: String, _ text: String)
        async throws
    {
        try await withController(store: MemoryStore()) { controller in
            let answer = await controller.post("cluster/placement/simulate", body)
            #expect(answer.status == 400)
            #expect(
                answer.json?["data"]?["errors"]?.serialized.contains(text) == true,
                "\(answer.json?.serialized ?? "")"
            )
            #expect(answer.json?["data"]?["errors"] == answer.json?["data"]?["validationErrors"])
        }
    }
}
