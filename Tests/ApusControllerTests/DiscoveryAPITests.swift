import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// `GET /v1/internal/instances`, which instances call (contract §1.8), and the keys of their tokens (§8.4).
@Suite(.timeLimit(.minutes(2))) struct DiscoveryAPITests {
    private static let path = "internal/instances"
    private static let unknown =
        #"{"status":"FAILED","message":"Please send valid token for you app instance. "#
        + #"The token value is available in the DROVE_APP_INSTANCE_AUTH_TOKEN environment variable"}"#

    /// A controller with one executor, and what that was told.
    private func withNode(
        store: MemoryStore = MemoryStore(),
        _ body: @escaping @Sendable (Controller, ScriptedNode, Recorder<NodeCommand>) async throws -> Void
    ) async throws {
        let (node, sent) = (ScriptedNode(), Recorder<NodeCommand>())
        let send: Controller.Send = { command, url in
            sent.add(command)
            return try await node.send(command, url)
        }
        try await withController(store: store, send: send) { controller in
            await node.report(to: controller)
            try await body(controller, node, sent)
        }
    }

    /// The tokens of the STARTs of that owner, once there are so many.
    private func tokens(_ sent: Recorder<NodeCommand>, of owner: Owner, _ count: Int) async throws -> [String] {
        func all() -> [String] {
            sent.all.compactMap { command in
                guard case .start(let spec) = command.order, spec.owner == owner else { return nil }
                return spec.token
            }
        }
        try await eventually("\(count) are started") { all().count >= count }
        return all()
    }

    private func ids(_ answer: APIAnswer, _ key: String = "instanceId") -> [String] {
        guard case .array(let entries)? = answer.json?["data"] else { return [] }
        return entries.compactMap { $0[key]?.text }
    }

    private func show(_ token: String) -> [String: String] { ["App-Instance-Authorization": token] }

    @Test func `an instance finds those of its application, or of all versions of it`() async throws {
        try await withNode { controller, node, sent in
            for (version, count) in [("1", 2), ("2", 1)] {
                let operation = create(exampleSpec(version: version), instances: count).json.serialized
                #expect(await controller.post("applications/operations", operation).status == 200)
            }
            let other = create(exampleSpec(name: "OTHER"), instances: 1).json.serialized
            #expect(await controller.post("applications/operations", other).status == 200)
            let app = AppID("TEST_APP-1")
            let token = try #require(try await tokens(sent, of: .application(app), 2).first)
            try await eventually("all are healthy", node, controller) {
                let (one, two) = (await controller.healthy(app), await controller.healthy(AppID("TEST_APP-2")))
                return one == 2 && two == 1
            }
            let own = await controller.call("GET", Self.path, show(token))
            #expect(ids(own).count == 2)
            #expect(ids(own) == ids(own).sorted())
            #expect(Set(ids(own, "appId")) == ["TEST_APP-1"])
            let all = await controller.call("GET", "\(Self.path)?forApp=true", show(token))
            #expect(Set(ids(all, "appId")) == ["TEST_APP-1", "TEST_APP-2"])
            #expect(ids(all).count == 3)
            #expect(ids(all) == ids(all).sorted())
            #expect(ids(await controller.call("GET", "\(Self.path)?state=STARTING", show(token))).isEmpty)
            #expect(ids(await controller.call("GET", "\(Self.path)?state=HEALTHY", show(token))).count == 2)
            #expect(await controller.call("GET", "\(Self.path)?state=NOPE", show(token)).status == 400)
        }
    }

    @Test func `a local service's instance finds those of its service`() async throws {
        try await withNode { controller, node, sent in
            let service = ServiceID("TEST_SERVICE-1")
            for operation in [
                LocalServiceOperation.create(exampleService(), instancesPerHost: 1), .activate(service),
            ] { _ = await controller.post("localservices/operations", operation.json.serialized) }
            let token = try #require(try await tokens(sent, of: .localService(service), 1).first)
            try await eventually("it finds itself", node, controller) {
                ids(await controller.call("GET", "\(Self.path)?forApp=true", show(token)), "serviceId") == [
                    service.rawValue
                ]
            }
        }
    }

    @Test func `a token holds while its instance lives on its executor, and no longer`() async throws {
        let store = MemoryStore()
        try await withNode(store: store) { controller, node, sent in
            let app = AppID("TEST_APP-1")
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            let token = try #require(try await tokens(sent, of: .application(app), 1).first)
            try await eventually("it is healthy", node, controller) { await controller.healthy(app) == 1 }
            #expect(await controller.call("GET", "applications", show(token)).status == 200)
            let id = try #require(ids(await controller.call("GET", Self.path, show(token))).first)

            // Well signed, for what is not so.
            let executor = fullReport().identity.id
            let tokens = try await Self.tokens(of: store)
            for (instance, owner, place) in [
                (InstanceID("AI-none"), Owner.application(app), executor),
                (InstanceID(id), .application(AppID("OTHER-1")), executor),
                (InstanceID(id), .application(app), ExecutorID("elsewhere")),
            ] {
                let wrong = try #require(
                    try await tokens.token(of: instance, owner, on: place, at: WallTime(milliseconds: 0))
                )
                let answer = await controller.call("GET", Self.path, show(wrong))
                #expect(answer.status == 200 && answer.json?.serialized == Self.unknown)
                #expect(await controller.call("GET", "applications", show(wrong)).status == 401)
            }
            // Not signed by us.
            #expect(await controller.call("GET", Self.path, show(token + "A")).status == 401)
            #expect(await controller.call("GET", Self.path, show("a.b.c")).status == 401)

            let scale = ApplicationOperation.scale(app, required: 0, opSpec).json.serialized
            #expect(await controller.post("applications/operations", scale).status == 200)
            try await eventually("it is gone", node, controller) {
                await controller.call("GET", Self.path, show(token)).json?.serialized == Self.unknown
            }
            #expect(await controller.call("GET", "applications", show(token)).status == 401)
        }
    }

    private static func tokens(of store: MemoryStore) async throws -> InstanceTokens {
        let record = try await store.list(.cluster).first { $0.key.id == "instance-keys" }
        let tokens = try InstanceTokens(record: try JSON(parsing: record?.bytes ?? []))
        await tokens.prepare()
        return tokens
    }

    @Test func `without a token nobody is told, be there users or not`() async throws {
        try await withNode { controller, _, _ in
            let answer = await controller.get(Self.path)
            #expect(answer.status == 200)
            #expect(
                answer.json?["message"]
                    == "This api is applicable for calls by app instances from inside the cluster only"
            )
        }
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            #expect(await controller.call("GET", Self.path).status == 401)
            #expect(await controller.call("GET", Self.path, CallerRig.basic("root")).status == 403)
        }
    }

    // MARK: keys

    @Test func `after a rotation new tokens have the new key, and old ones hold`() async throws {
        let store = MemoryStore()
        try await withNode(store: store) { controller, node, sent in
            let app = AppID("TEST_APP-1")
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            let first = try #require(try await tokens(sent, of: .application(app), 1).first)
            let rotated = await controller.post("cluster/instance-keys/rotate", "", type: nil)
            #expect(rotated.json?["data"]?.serialized == #"{"keys":2}"#)
            let other = AppID("OTHER-1")
            _ = await controller.post(
                "applications/operations",
                create(exampleSpec(name: "OTHER"), instances: 1).json.serialized
            )
            let second = try #require(try await tokens(sent, of: .application(other), 1).first)
            #expect(first.prefix { $0 != "." } != second.prefix { $0 != "." }, "the heads name the keys")
            for token in [first, second] {
                #expect(await controller.call("GET", "applications", show(token)).status == 200)
            }
            // The instances are as old as the first key: all are kept, up to the limit.
            for count in 3...InstanceTokens.mostKeys {
                let answer = await controller.post("cluster/instance-keys/rotate", "", type: nil)
                #expect(answer.json?["data"]?["keys"] == .integer(Int64(count)))
            }
            let refused = await controller.post("cluster/instance-keys/rotate", "", type: nil)
            #expect(refused.status == 400)
            #expect(refused.json?["message"]?.text?.hasPrefix("There are 8 keys, and instances are as old") == true)
            #expect(await controller.call("GET", "applications", show(first)).status == 200)
            #expect(try await Self.tokens(of: store).count == InstanceTokens.mostKeys)
        }
    }
}
