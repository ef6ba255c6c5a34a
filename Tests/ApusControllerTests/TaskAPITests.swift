import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Tasks from their acceptance to their end, through the API (contract §1.3, §3.6, §4.6, §4.7).
@Suite struct TaskAPITests {
    private static let task = TaskID(source: "BATCH", name: "T1")
    private static let spec = #"""
        {"sourceAppName":"BATCH","taskId":"T1","executable":{"type":"DOCKER","url":"job:1","dockerPullTimeout":"1 m"},
        "resources":[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":64}],"env":{"ITERATIONS":"10"}}
        """#
    private static let opSpec = #""opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}"#
    private static let create = #"{"type":"CREATE","spec":"# + spec + "," + opSpec + "}"
    private static let kill = #"{"type":"KILL","sourceAppName":"BATCH","taskId":"T1","# + opSpec + "}"
    private static let path = "tasks/BATCH/instances/T1"

    private static func withNode(
        _ body: @escaping @Sendable (Controller, ScriptedNode) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            await node.report(to: controller)
            try await body(controller, node)
        }
    }

    private static func state(_ controller: Controller) async -> String? {
        await controller.get(path).json?["data"]?["state"]?.text
    }

    private static func text(_ answer: APIAnswer) -> String { answer.json?.serialized ?? "" }

    private static func refusal(_ text: String) -> String {
        #"{"status":"FAILED","data":{"validationErrors":[""# + text + #""]},"message":"Command validation failure"}"#
    }

    // MARK: a life

    @Test func `a task is seen from its acceptance to its exit code, and forgotten when it is asked for`() async throws
    {
        try await Self.withNode { controller, node in
            let created = await controller.post("tasks/operations", Self.create)
            #expect(Self.text(created) == #"{"status":"SUCCESS","data":{"taskId":"BATCH-T1"},"message":"success"}"#)
            #expect(await Self.state(controller) != nil)

            try await eventually("it runs", node, controller) { await Self.state(controller) == "RUNNING" }
            let running = await controller.get(Self.path).json?["data"]
            #expect(running?["hostname"] == "node1")
            #expect(running?["executorId"] == executor.json)
            #expect(running?["env"] == ["ITERATIONS": "10"])
            #expect(running?["taskResult"] == nil)
            #expect(await controller.get("tasks").json?["data"] == .array([running ?? .null]))
            #expect(await controller.get("cluster").json?["data"]?["numActiveTasks"] == 1)
            #expect(
                await controller.get("cluster/executors/\(executor)").json?["data"]?["tasks"]
                    == .array([running ?? .null])
            )

            node.move(.task(Self.task), to: .runCompleted)
            try await eventually("its container has ended", node, controller) {
                await Self.state(controller) == "RUN_COMPLETED"
            }
            node.move(.task(Self.task), to: .stopped, .exited(code: 3, outOfMemory: false), error: "exit code 3")
            try await eventually("it has ended", node, controller) { await Self.state(controller) == "STOPPED" }
            let ended = await controller.get(Self.path).json?["data"]
            #expect(ended?["taskResult"] == ["status": "FAILED", "exitCode": 3])
            #expect(ended?["instanceId"] == running?["instanceId"])
            #expect(ended?["hostname"] == "node1")
            #expect(await controller.get("tasks").json?["data"] == [])

            let again = await controller.post("tasks/operations", Self.create)
            #expect(again.status == 400)
            #expect(Self.text(again) == Self.refusal("Task already exists for BATCH/T1 with taskID: BATCH-T1"))
            let deleted = await controller.delete(Self.path)
            #expect(Self.text(deleted) == #"{"status":"SUCCESS","data":{"deleted":true},"message":"success"}"#)
            #expect(
                await Self.text(controller.get(Self.path))
                    == #"{"status":"FAILED","message":"No such task instance BATCH/T1"}"#
            )
            #expect(await controller.post("tasks/operations", Self.create).status == 200)
        }
    }

    @Test func `a task without room is PENDING, says what it waits for, and runs when there is room`() async throws {
        try await Self.withNode { controller, node in
            let alone = Self.create.replacing(#""env""#, with: #""placementPolicy":{"type":"ONE_PER_HOST"},"env""#)
            _ = await controller.post("tasks/operations", alone.replacing(#""T1""#, with: #""T0""#))
            try await eventually("the first runs", node, controller) {
                await controller.get("tasks").json?["data"]?[0]?["state"] == "RUNNING"
            }
            #expect(await controller.post("tasks/operations", alone).status == 200)
            try await eventually("it says why it waits") {
                await controller.get(Self.path).json?["data"]?["errorMessage"] != ""
            }
            let waiting = await controller.get(Self.path).json?["data"]
            #expect(waiting?["state"] == "PENDING")
            #expect(waiting?["errorMessage"]?.text?.hasPrefix("it waits for room: 0 of 1 executors fit: 1 ") == true)
            #expect(waiting?["instanceId"] == "")
            #expect(waiting?["hostname"] == "")
            #expect(waiting?["volumes"] == [])
            #expect(await controller.get("tasks").json?["data"]?[1] == waiting)

            node.move(.task(TaskID(source: "BATCH", name: "T0")), to: .stopped, .exited(code: 0, outOfMemory: false))
            try await eventually("it runs", node, controller) { await Self.state(controller) == "RUNNING" }
            #expect(await controller.get(Self.path).json?["data"]?["errorMessage"] == "")
        }
    }

    @Test func `a task whose image is fetched says how far that has come`() async throws {
        try await Self.withNode { controller, node in
            node.isStalled = true
            _ = await controller.post("tasks/operations", Self.create)
            try await eventually("it has a place", node, controller) {
                await Self.state(controller) == "PROVISIONING"
            }
            node.move(.task(Self.task), to: .provisioning, progress: "12 of 80 MB")
            try await eventually("it is told", node, controller) {
                await controller.get(Self.path).json?["data"]?["progress"] == "12 of 80 MB"
            }
            node.move(.task(Self.task), to: .running)
            try await eventually("it runs", node, controller) { await Self.state(controller) == "RUNNING" }
            #expect(await controller.get(Self.path).json?["data"]?["progress"] == nil)
        }
    }

    @Test func `a killed task ends CANCELLED, and cannot be killed again`() async throws {
        try await Self.withNode { controller, node in
            _ = await controller.post("tasks/operations", Self.create)
            try await eventually("it runs", node, controller) { await Self.state(controller) == "RUNNING" }
            let killed = await controller.post("tasks/operations", Self.kill)
            #expect(Self.text(killed) == #"{"status":"SUCCESS","data":{"taskId":"T1"},"message":"success"}"#)
            try await eventually("it has ended", node, controller) { await Self.state(controller) == "STOPPED" }
            let result = await controller.get(Self.path).json?["data"]?["taskResult"]
            #expect(result == ["status": "CANCELLED", "exitCode": -1])
            let again = await controller.post("tasks/operations", Self.kill)
            #expect(
                Self.text(again) == Self.refusal("Either task does not exist or has already finished for BATCH/T1")
            )
        }
    }

    @Test func `a task that has not ended is not forgotten`() async throws {
        try await Self.withNode { controller, node in
            let refused = #"{"status":"FAILED","data":{"deleted":false},"message":"Could not delete BATCH/T1"}"#
            let unknown = await controller.delete(Self.path)
            #expect(unknown.status == 200)
            #expect(Self.text(unknown) == refused)
            _ = await controller.post("tasks/operations", Self.create)
            try await eventually("it runs", node, controller) { await Self.state(controller) == "RUNNING" }
            let running = await controller.delete(Self.path)
            #expect(running.status == 200)
            #expect(Self.text(running) == refused)
            #expect(await Self.state(controller) == "RUNNING")
        }
    }

    // MARK: refusals

    @Test(arguments: [
        (#"{"sourceAppName":"BATCH"}"#, 400),
        (spec, 200),
    ])
    func `a specification is judged without being run`(_ spec: String, _ status: Int) async throws {
        try await withController(store: MemoryStore()) { controller in
            let answer = await controller.post("tasks/validate/spec", spec)
            #expect(answer.status == status)
            if status == 200 {
                #expect(Self.text(answer) == #"{"status":"SUCCESS","message":"success"}"#)
            } else {
                #expect(answer.json?["data"]?["validationErrors"]?[0] == "taskId - Task ID is mandatory")
            }
            #expect(await controller.get("tasks").json?["data"] == [])
        }
    }

    @Test(arguments: [
        ("1", "64", "No executors on cluster", false),
        ("9", "64", "Cluster does not have enough CPU. Required: 9 Available: 4", true),
        ("1", "2048", "Cluster does not have enough Memory. Required: 2048 Available: 1024", true),
    ])
    func `what can never fit is refused at once`(
        _ cores: String,
        _ memory: String,
        _ text: String,
        _ hasNode: Bool
    ) async throws {
        try await withController(store: MemoryStore()) { controller in
            if hasNode { _ = await controller.inbox.submit(fullReport()) }
            let body = Self.create.replacing(#""count":1"#, with: #""count":\#(cores)"#)
                .replacing(#""sizeInMB":64"#, with: #""sizeInMB":\#(memory)"#)
            let answer = await controller.post("tasks/operations", body)
            #expect(answer.status == 400)
            #expect(answer.json?["data"]?["validationErrors"]?[0] == .string(text))
            #expect(await controller.get(Self.path).json?["message"] == "No such task instance BATCH/T1")
        }
    }

    // MARK: the page's search

    @Test func `the search leads to the page of a task, or home`() async throws {
        try await Self.withNode { controller, _ in
            _ = await controller.post("tasks/operations", Self.create)
            let form = "application/x-www-form-urlencoded"
            let known = await controller.post("tasks/search", "taskSearchAppName=BATCH&taskSearchTaskID=T1", type: form)
            #expect((known.status, known.location, known.json) == (303, "/tasks/BATCH/T1", nil))
            let unknown = await controller.post(
                "tasks/search",
                "taskSearchAppName=BATCH&taskSearchTaskID=T2",
                type: form
            )
            #expect((unknown.status, unknown.location) == (303, "/"))
            let bad = await controller.post("tasks/search", "taskSearchAppName=a%2Fb", type: form)
            #expect(bad.status == 400)
            #expect(
                bad.json?["data"]?["validationErrors"] == [
                    #"form field taskSearchAppName must match "[a-zA-Z\d\-_]*""#,
                    "form field taskSearchTaskID must not be empty",
                ]
            )
            #expect(await controller.post("tasks/search", "{}").status == 415)
        }
    }
}

/// The scripted node's id, where a node is at hand under its name.
private let executor = node

extension Controller {
    func delete(_ path: String) async -> APIAnswer { await api.answer(APICall("DELETE", "/apis/v1/\(path)")) }
}

extension JSON {
    /// An element of a list; `nil` if there is none.
    subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
