import ApusController
import ApusModel
import ApusTestKit
import Testing

/// ROLLOUT over the API.
@Suite struct RolloutAPITests {
    private static let opSpec = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 1)
    private static let apps = [AppID("TEST_APP-1"), AppID("TEST_APP-2")]

    private static func ask(_ operation: ApplicationOperation, _ controller: Controller) async throws {
        let answer = await controller.post("applications/operations", operation.json.serialized)
        try #require(answer.status == 200, "\(operation.typeName): \(answer.json?.serialized ?? "")")
    }

    private static func summary(_ app: AppID, _ controller: Controller) async -> JSON? {
        await controller.get("applications/\(app)").json?["data"]
    }

    /// One instance of the first version is healthy, and of the second there is none.
    private static func run(_ controller: Controller, _ node: ScriptedNode) async throws {
        await node.report(to: controller)
        try await ask(.create(exampleSpec(), instances: 1, opSpec), controller)
        try await ask(.create(exampleSpec(version: "2"), instances: 0, opSpec), controller)
        try await eventually("it is steady", node, controller) {
            let summary = await summary(apps[0], controller)
            return summary?["healthyInstances"] == 1 && summary?["operation"] == nil
        }
    }

    @Test func `both summaries show the rollout with both ids, and how it ended`() async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            try await Self.run(controller, node)
            node.isStalled = true
            let body =
                #"{"type":"ROLLOUT","appId":"TEST_APP-2","from":"TEST_APP-1","opSpec":\#(Self.opSpec.json.serialized)}"#
            let answer = await controller.post("applications/operations", body)
            #expect(
                answer.json?.serialized
                    == #"{"status":"SUCCESS","data":{"appId":"TEST_APP-2"},"message":"success"}"#
            )
            for app in Self.apps {
                let summary = await Self.summary(app, controller)
                #expect(summary?["state"] == "SCALING_REQUESTED")
                #expect(summary?["operation"]?["type"] == "ROLLOUT")
                #expect(summary?["operation"]?["from"] == "TEST_APP-1")
                #expect(summary?["operation"]?["to"] == "TEST_APP-2")
                #expect(summary?["requiredInstances"] == 1)
            }
            node.isStalled = false
            node.move(.application(Self.apps[1]), to: .healthy)
            try await eventually("it has ended", node, controller) {
                await Self.summary(Self.apps[1], controller)?["operation"] == nil
            }
            for app in Self.apps {
                let last = await Self.summary(app, controller)?["lastOperation"]
                #expect(last?["outcome"] == "SUCCEEDED")
                #expect((last?["from"], last?["to"]) == ("TEST_APP-1", "TEST_APP-2"))
            }
            let old = await Self.summary(Self.apps[0], controller)
            #expect((old?["requiredInstances"], old?["state"]) == (0, "MONITORING"))
        }
    }

    @Test func `a mistake is told, and either id cancels`() async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            try await Self.run(controller, node)
            let opSpec = Self.opSpec.json.serialized
            let body = #"{"type":"ROLLOUT","appId":"TEST_APP-2","from":"TEST_APP-9","opSpec":\#(opSpec)}"#
            let answer = await controller.post("applications/operations", body)
            #expect(answer.status == 400)
            #expect(answer.json?["data"]?["validationErrors"] == ["No state found for app: TEST_APP-9"])
            node.isStalled = true
            try await Self.ask(.rollout(Self.apps[1], from: Self.apps[0], .count(1), Self.opSpec), controller)
            #expect(await controller.post("applications/operations/TEST_APP-1/cancel", "", type: nil).status == 200)
            let last = await Self.summary(Self.apps[1], controller)?["lastOperation"]
            #expect(last?["outcome"] == "CANCELLED")
            #expect(last?["reason"] == "cancelled by a user: TEST_APP-2 keeps 0, TEST_APP-1 keeps 1")
        }
    }
}
