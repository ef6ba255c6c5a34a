import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Local services from their creation to their destruction, through the API (contract §1.2, §15).
@Suite struct LocalServiceAPITests {
    private static let id = ServiceID("TEST_SERVICE-1")
    private static let path = "localservices/TEST_SERVICE-1"
    private static let ready = #"{"status":"SUCCESS","data":{"serviceId":"TEST_SERVICE-1"},"message":"success"}"#

    private static func withNode(
        _ body: @escaping @Sendable (Controller, ScriptedNode) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            await node.report(to: controller)
            try await body(controller, node)
        }
    }

    private static func ask(_ operation: LocalServiceOperation, _ controller: Controller) async -> String {
        await controller.post("localservices/operations", operation.json.serialized).json?.serialized ?? ""
    }

    private static func summary(_ controller: Controller) async -> JSON? {
        await controller.get(path).json?["data"]
    }

    private static func activated(_ controller: Controller, _ node: ScriptedNode) async throws {
        #expect(await ask(.create(exampleService(), instancesPerHost: 1), controller) == ready)
        #expect(await ask(.activate(id), controller) == ready)
        try await eventually("it is healthy", node, controller) {
            await summary(controller)?["healthyInstances"] == 1
        }
    }

    @Test func `a service is seen with its instances, its executor and the cluster's counts`() async throws {
        try await Self.withNode { controller, node in
            try await Self.activated(controller, node)
            let summary = try #require(await Self.summary(controller))
            guard case .object(let members) = summary else {
                Issue.record("no object")
                return
            }
            #expect(
                members.prefix(11).map(\.key) == [
                    "id", "name", "instancesPerHost", "healthyInstances", "totalCPUs", "totalMemory", "tags",
                    "activationState", "state", "created", "updated",
                ]
            )
            #expect(summary["activationState"] == "ACTIVE" && summary["state"] == "ACTIVE")
            #expect(summary["totalCPUs"] == 1 && summary["totalMemory"] == 128)
            #expect(await controller.get("localservices").json?["data"]?["TEST_SERVICE-1"]?["id"] == "TEST_SERVICE-1")
            #expect(await controller.get("\(Self.path)/spec").json?["data"] == exampleService().json)

            let listed = await controller.get("\(Self.path)/instances").json?["data"]
            let instance = try #require(listed?[0])
            #expect(instance["serviceId"] == "TEST_SERVICE-1" && instance["serviceName"] == "TEST_SERVICE")
            #expect(instance["appId"] == nil && instance["state"] == "HEALTHY")
            let name = try #require(instance["instanceId"]?.text)
            #expect(await controller.get("\(Self.path)/instances/\(name)").json?["data"] == instance)
            let executor = await controller.get("cluster/executors/\(ApusControllerTests.node)").json?["data"]
            #expect(executor?["serviceInstances"] == listed && executor?["instances"] == [])
            let cluster = await controller.get("cluster").json?["data"]
            #expect(cluster?["numLocalServices"] == 1 && cluster?["numActiveLocalServices"] == 1)
        }
    }

    @Test func `a service is restarted, deactivated and destroyed, and then unknown`() async throws {
        try await Self.withNode { controller, node in
            try await Self.activated(controller, node)
            let first = await controller.get("\(Self.path)/instances").json?["data"]?[0]?["instanceId"]
            #expect(await Self.ask(.restart(Self.id, stopFirst: true, opSpec), controller) == Self.ready)
            try await eventually("it is restarted", node, controller) {
                await Self.summary(controller)?["lastOperation"]?["outcome"] == "SUCCEEDED"
            }
            #expect(await controller.get("\(Self.path)/instances/old").json?["data"]?[0]?["instanceId"] == first)
            #expect(await Self.ask(.deactivate(Self.id), controller) == Self.ready)
            try await eventually("it has ended", node, controller) {
                await Self.summary(controller)?["liveInstances"] == 0
            }
            #expect(await Self.ask(.destroy(Self.id), controller) == Self.ready)
            try await eventually("it is gone", node, controller) { await Self.summary(controller) == nil }
        }
    }

    @Test func `what is not there is not found, and what cannot be is refused in Drove's words`() async throws {
        try await Self.withNode { controller, _ in
            for path in [Self.path, "\(Self.path)/spec"] {
                let answer = await controller.get(path)
                #expect(answer.status == 200)
                #expect(
                    answer.json?.serialized
                        == #"{"status":"FAILED","message":"Local service TEST_SERVICE-1 not found"}"#
                )
            }
            #expect(await controller.get("\(Self.path)/instances").json?["data"] == [])
            #expect(
                await controller.get("\(Self.path)/instances/SI-1").json?["message"]
                    == "No such local service instance TEST_SERVICE-1/SI-1"
            )
            let valid = await controller.post("localservices/validate/spec", exampleService().json.serialized)
            #expect(valid.json?["data"]?["valid"] == true)
            let wrong = await controller.post("localservices/validate/spec", exampleSpec().json.serialized)
            #expect(wrong.status == 400)
            #expect(
                wrong.json?["data"]?["validationErrors"] == ["Only local placement is allowed for local services"]
            )
            let cancel = await controller.post("localservices/operations/X-1/cancel", "")
            #expect(cancel.status == 400)
            #expect(cancel.json?["message"] == "Current operation could not be cancelled")
        }
    }

    @Test func `an executor waits for a required service, and says for what`() async throws {
        try await withController(store: MemoryStore(), time: ManualTime().source) { controller in
            _ = await Self.ask(.create(exampleService(), instancesPerHost: 1), controller)
            _ = await Self.ask(.activate(Self.id), controller)
            let node = ScriptedNode()
            node.isStalled = true
            await node.report(to: controller)
            try await eventually("it waits", node, controller) {
                let executor = await controller.get("cluster/executors/\(ApusControllerTests.node)").json?["data"]
                return executor?["executorState"] == "UNREADY"
                    && executor?["waitingFor"]?[0]?.text?.hasPrefix("local service TEST_SERVICE-1: 0 of 1") == true
            }
        }
    }

    @Test func `what is kept free for a service that may not start yet is in use, in the list and in the details`()
        async throws
    {
        try await Self.withNode { controller, node in
            try await Self.activated(controller, node)
            try await eventually("its next start is held back", node, controller) {
                node.move(.localService(Self.id), to: .stopped, .exited(code: 1, outOfMemory: false))
                return await Self.summary(controller)?["liveInstances"] == 0
            }
            let listed = await controller.get("cluster/executors").json?["data"]?[0]
            #expect(listed?["freeCores"] == 3)
            let details = await controller.get("cluster/executors/\(ApusControllerTests.node)").json?["data"]
            guard case .array(let free)? = details?["state"]?["cpus"]?["freeCores"]?["0"] else {
                Issue.record("\(details?.serialized ?? "")")
                return
            }
            #expect(free.count == 3)
        }
    }
}
