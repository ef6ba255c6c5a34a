import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Every operation in every state that an application can be in (contract §3.6, §4.2).
@Suite struct OperationAPITests {
    private static let app = AppID("TEST_APP-1")

    enum Kind: String, CaseIterable, Sendable {
        case create, destroy, start, stop, scale, replace, suspend, recover
        /// As error texts name it.
        var name: String {
            switch self {
            case .create: "CREATE"
            case .destroy: "DESTROY"
            case .start: "START_INSTANCES"
            case .stop: "STOP_INSTANCES"
            case .scale: "SCALE_INSTANCES"
            case .replace: "REPLACE_INSTANCES"
            case .suspend: "SUSPEND"
            case .recover: "RECOVER"
            }
        }
    }

    /// A state, what may be asked in it, and whether what is under way may be cancelled.
    struct Case: Sendable, CustomTestStringConvertible {
        var state: String
        var allowed: [Kind]
        var isCancellable = false
        var testDescription: String { state }
    }

    static let cases = [
        Case(state: "MONITORING", allowed: [.destroy, .recover, .scale, .start]),
        Case(state: "RUNNING", allowed: [.recover, .replace, .scale, .start, .stop, .suspend]),
        Case(state: "SCALING_REQUESTED", allowed: [.scale], isCancellable: true),
        Case(state: "REPLACE_INSTANCES_REQUESTED", allowed: [], isCancellable: true),
        Case(state: "STOP_INSTANCES_REQUESTED", allowed: []),
        Case(state: "OUTAGE_DETECTED", allowed: []),
        Case(state: "DESTROY_REQUESTED", allowed: []),
    ]

    @Test(arguments: cases, Kind.allCases)
    func `each operation is accepted or refused with the contract's text`(_ one: Case, _ kind: Kind) async throws {
        try await Self.withApplication(in: one.state) { controller in
            let instance = await Self.instances(controller).first ?? "AI-1"
            let answer = await controller.post("applications/operations", Self.body(kind, instance))
            if one.allowed.contains(kind) {
                #expect(
                    answer.json?.serialized
                        == #"{"status":"SUCCESS","data":{"appId":"TEST_APP-1"},"message":"success"}"#
                )
                return
            }
            let names = one.allowed.map(\.name).sorted().joined(separator: ", ")
            let text =
                kind == .create
                ? "App TEST_APP-1 already exists"
                : one.allowed.isEmpty
                    ? "No operations allowed for TEST_APP-1 as it is in \(one.state) state"
                    : "Only [\(names)] allowed for app TEST_APP-1 as it is in \(one.state) state"
            #expect(answer.status == 400)
            #expect(answer.json?["data"]?["validationErrors"] == [.string(text)])
            #expect(answer.json?["message"] == "Command validation failure")
            #expect(await Self.state(controller) == one.state)
        }
    }

    @Test(arguments: cases, ["applications/operations", "operations"])
    func `a scaling and a replacement can be cancelled, nothing else`(_ one: Case, _ path: String) async throws {
        try await Self.withApplication(in: one.state) { controller in
            let answer = await controller.post("\(path)/TEST_APP-1/cancel", "", type: nil)
            if one.isCancellable {
                #expect((answer.status, answer.json?.serialized) == (200, #"{"status":"SUCCESS","message":"success"}"#))
                let summary = await controller.get("applications/TEST_APP-1").json?["data"]
                #expect(summary?["operation"] == nil)
                #expect(summary?["lastOperation"]?["outcome"] == "CANCELLED")
                #expect(summary?["lastOperation"]?["reason"] == "cancelled by a user")
            } else {
                #expect(answer.status == 400)
                #expect(
                    answer.json?.serialized
                        == #"{"status":"FAILED","message":"Current operation could not be cancelled"}"#
                )
                #expect(await Self.state(controller) == one.state)
            }
        }
    }

    @Test func `named instances must be there, and a replacement needs healthy ones`() async throws {
        try await Self.withApplication(in: "RUNNING") { controller in
            func errors(_ body: String) async -> JSON? {
                await controller.post("applications/operations", body).json?["data"]?["validationErrors"]
            }
            let stop = Self.body(.stop, "AI-2").replacing(#"["AI-2"]"#, with: #"["AI-3","AI-2"]"#)
            #expect(
                await errors(stop) == [
                    "App TEST_APP-1 does not have any instances with the following ids: AI-2,AI-3"
                ]
            )
            #expect(
                await errors(Self.body(.replace, "AI-2")) == [
                    "There are no replaceable healthy instances with ids: [AI-2]"
                ]
            )
            let none = Self.body(.stop, "AI-2").replacing(#"["AI-2"]"#, with: "[]")
            #expect(await errors(none) == ["instanceIds must not be empty"])
        }
    }

    @Test func `the summary shows the operation with its instances, and how it ended`() async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            try await Self.run(controller, node)
            let id = try #require(await Self.instances(controller).first)
            node.isStalled = true
            let body = Self.body(.replace, id).replacing("STOP", with: "ROLLBACK")
            #expect(await controller.post("applications/operations", body).status == 200)
            let under = await controller.get("applications/TEST_APP-1").json?["data"]?["operation"]
            #expect(under?["type"] == "REPLACE_INSTANCES")
            #expect(under?["parallelism"] == 1)
            #expect(under?["failureStrategy"] == "ROLLBACK")
            #expect(under?["instanceIds"] == [.string(id)])
            #expect(under?["spentMs"] != nil)

            node.isStalled = false
            node.move(.application(Self.app), to: .healthy)
            try await eventually("it has ended", node, controller) {
                await controller.get("applications/TEST_APP-1").json?["data"]?["operation"] == nil
            }
            let last = await controller.get("applications/TEST_APP-1").json?["data"]?["lastOperation"]
            #expect(last?["id"] == under?["id"])
            #expect(last?["outcome"] == "SUCCEEDED")
            #expect(last?["instanceIds"] == [.string(id)])
            let ended = await controller.get("applications/TEST_APP-1/instances/\(id)").json?["data"]
            #expect(ended?["state"] == "STOPPED")
            #expect(ended?["cause"] == ["kind": "STOPPED", "reason": "REPLACED"])
        }
    }

    @Test func `a share stands where a number may, and the summary says what the number follows`() async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            await node.report(to: controller)
            let create = Self.body(.create, "", instances: 1).replacing(#""instances":1"#, with: #""instances":"50%""#)
            #expect(await controller.post("applications/operations", create).status == 200)
            let summary = await controller.get("applications/TEST_APP-1").json?["data"]
            // The executor has four cores.
            #expect(summary?["requiredInstances"] == 2)
            #expect(summary?["share"] == ["share": "50%", "of": "CPU", "least": 1, "most": 2048])
            let wrong = create.replacing("50%", with: "101%").replacing("TEST_APP", with: "OTHER")
            let answer = await controller.post("applications/operations", wrong)
            #expect(answer.status == 400)
            #expect(answer.json?.serialized.contains("instances - a share is a percentage") == true)
        }
    }

    // MARK: states

    private static func withApplication(
        in state: String,
        _ body: @escaping @Sendable (Controller) async throws -> Void
    ) async throws {
        let node = ScriptedNode()
        try await withController(store: MemoryStore(), send: node.send) { controller in
            if state == "MONITORING" {
                await node.report(to: controller)
                try await ask(.create, controller, instances: 0)
            } else {
                try await run(controller, node)
                node.isStalled = true
                try await reach(state, controller, node)
            }
            try #require(await Self.state(controller) == state)
            try await body(controller)
        }
    }

    /// One instance of it is healthy.
    private static func run(_ controller: Controller, _ node: ScriptedNode) async throws {
        await node.report(to: controller)
        try await ask(.create, controller)
        try await eventually("it is steady", node, controller) {
            let summary = await controller.get("applications/TEST_APP-1").json?["data"]
            return summary?["healthyInstances"] == 1 && summary?["operation"] == nil
        }
    }

    /// From RUNNING, with an executor that does nothing any more.
    private static func reach(_ state: String, _ controller: Controller, _ node: ScriptedNode) async throws {
        switch state {
        case "SCALING_REQUESTED": try await ask(.scale, controller)
        case "REPLACE_INSTANCES_REQUESTED": try await ask(.replace, controller)
        case "STOP_INSTANCES_REQUESTED": try await ask(.stop, controller)
        case "OUTAGE_DETECTED":
            node.move(.application(app), to: .unhealthy, error: "no answer")
            try await eventually("it is unhealthy", node, controller) { await controller.healthy(app) == 0 }
            try await ask(.recover, controller)
        case "DESTROY_REQUESTED":
            try await ask(.suspend, controller)
            try await eventually("its instance is told to stop", node, controller) {
                await controller.healthy(app) == 0
            }
            _ = await controller.post("operations/TEST_APP-1/cancel", "", type: nil)
            try await ask(.destroy, controller)
        default: break
        }
    }

    private static func ask(_ kind: Kind, _ controller: Controller, instances: Int = 1) async throws {
        let instance = await Self.instances(controller).first ?? ""
        let answer = await controller.post("applications/operations", body(kind, instance, instances: instances))
        try #require(answer.status == 200, "\(kind): \(answer.json?.serialized ?? "")")
    }

    private static func state(_ controller: Controller) async -> String? {
        await controller.get("applications/TEST_APP-1").json?["data"]?["state"]?.text
    }

    private static func instances(_ controller: Controller) async -> [String] {
        guard case .array(let all)? = await controller.get("applications/TEST_APP-1/instances").json?["data"] else {
            return []
        }
        return all.compactMap { $0["instanceId"]?.text }
    }

    private static func body(_ kind: Kind, _ instance: String, instances: Int = 1) -> String {
        let opSpec = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 1)
        let ids = [InstanceID(instance)]
        let operation: ApplicationOperation =
            switch kind {
            case .create: .create(exampleSpec(), instances: instances, opSpec)
            case .destroy: .destroy(app, opSpec)
            case .start: .startInstances(app, instances: 1, opSpec)
            case .stop: .stopInstances(app, ids: ids, skipRespawn: false, opSpec)
            case .scale: .scale(app, required: 2, opSpec)
            case .replace: .replaceInstances(app, ids: ids, stopFirst: false, opSpec)
            case .suspend: .suspend(app, opSpec)
            case .recover: .recover(app)
            }
        return operation.json.serialized
    }
}
