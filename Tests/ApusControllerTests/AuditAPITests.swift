import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTelemetry
import ApusTestKit
import Testing

/// Who changed what, from where, and what the controller decided, as the API tells it.
@Suite struct AuditAPITests {
    private static func records(
        _ controller: Controller,
        _ query: String,
        as headers: [String: String] = [:]
    ) async -> [JSON] {
        let answer = await controller.call("GET", "cluster/audit?\(query)", headers)
        guard case .array(let records)? = answer.json?["data"]?["records"] else { return [] }
        return records
    }

    private static func ask(_ controller: Controller, _ path: String, _ body: JSON) async -> APIAnswer {
        await controller.api.answer(
            APICall("POST", "/apis/v1/\(path)", body: body.bytes, source: "10.1.2.3")
        )
    }

    @Test func `a change is there when it is answered: who, from where, what, which operation, and no secret`()
        async throws
    {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport())
            let spec = exampleSpec(env: ["PASSWORD": "hunter2"])
            let answer = await Self.ask(controller, "applications/operations", create(spec, instances: 1).json)
            #expect(answer.status == 200)
            let record = try #require(await Self.records(controller, "actor=default-user").first)
            #expect(
                record["actor"] == [
                    "kind": "USER", "name": "default-user", "role": "EXTERNAL_ROOT", "source": "10.1.2.3",
                ]
            )
            #expect(record["action"] == "APPLICATION_CREATE" && record["outcome"] == "ACCEPTED")
            #expect(record["subject"] == ["kind": "APPLICATION", "id": "TEST_APP-1"])
            #expect(record["epoch"] == 1)
            #expect(record["operation"]?["type"] == "CREATE" && record["operation"]?["id"] != nil)
            #expect(record["detail"]?["spec"] == ["name": "TEST_APP", "version": "1", "image": "test-app:1"])
            #expect(record["detail"]?["instances"] == 1)
            let all = await controller.get("cluster/audit?size=1000").json?.serialized ?? ""
            #expect(!all.contains("hunter2") && !all.contains("PASSWORD"))
        }
    }

    @Test func `a step of an operation names it and who asked, and is found by its application`() async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await Self.ask(controller, "applications/operations", create(instances: 1).json)
            try await eventually("its end is written") {
                await Self.records(controller, "action=operation_ended").count == 1
            }
            let told = await Self.records(controller, "subject=TEST_APP-1").reversed().map { record in
                [record["action"], record["outcome"], record["operation"]?["askedBy"]].map { $0?.text ?? "" }
            }
            #expect(
                told == [
                    ["APPLICATION_CREATE", "ACCEPTED", ""], ["INSTANCE_STARTED", "DONE", "default-user"],
                    ["OPERATION_ENDED", "DONE", "default-user"],
                ]
            )
            let start = try #require(await Self.records(controller, "action=INSTANCE_STARTED").first)
            #expect(start["actor"] == ["kind": "CONTROLLER", "name": "ctrl1"])
            #expect(start["subject"]?["kind"] == "INSTANCE")
            let host = start["detail"]?["executorId"]?.text ?? ""
            #expect(await Self.records(controller, "subject=\(host)").contains(start))
        }
    }

    @Test func `an operation names who asked for it, also when somebody else's takes its place`() async throws {
        // Nothing that is started becomes healthy, so that no operation is done.
        let idle: Controller.Send = { _, _ in .accepted(nil) }
        try await withController(store: MemoryStore(), send: idle, callers: .roles) { controller in
            let (root, writer) = (CallerRig.basic("root"), CallerRig.basic("writer"))
            _ = await controller.inbox.submit(fullReport())
            let scale = ApplicationOperation.scale(AppID("TEST_APP-1"), required: 2, opSpec)
            for (caller, operation) in [(root, create(instances: 1)), (writer, scale)] {
                let body = operation.json.serialized
                #expect(await controller.call("POST", "applications/operations", caller, body: body).status == 200)
            }
            try await eventually("both starts are written") {
                await Self.records(controller, "action=INSTANCE_STARTED", as: root).count == 2
            }
            let told = await Self.records(controller, "actor=ctrl1&subject=TEST_APP-1", as: root).reversed()
            let asked = told.map { record in
                [record["action"], record["operation"]?["type"], record["operation"]?["askedBy"]].map { $0?.text ?? "" }
            }
            #expect(
                asked == [
                    ["INSTANCE_STARTED", "CREATE", "root"], ["OPERATION_ENDED", "CREATE", "root"],
                    ["INSTANCE_STARTED", "SCALE", "writer"],
                ]
            )
        }
    }

    @Test func `a refusal is written with its reason, what cannot be read is not`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let scale = ApplicationOperation.scale(AppID("NONE-1"), required: 2, opSpec)
            #expect(await Self.ask(controller, "applications/operations", scale.json).status == 400)
            let refused = try #require(await Self.records(controller, "subject=NONE-1").first)
            #expect(refused["action"] == "APPLICATION_SCALE" && refused["outcome"] == "REFUSED")
            #expect(refused["reason"] == "No state found for app: NONE-1")
            #expect(refused["operation"] == nil)
            _ = await Self.ask(controller, "applications/operations", ["type": "NONSENSE"])
            _ = await controller.get("applications")
            #expect(await Self.records(controller, "actor=default-user").count == 1)
        }
    }

    @Test func `who asked for what is in doubt is in the log, once, and nobody who was answered`() async throws {
        let (store, audit) = (MemoryStore(), try await AuditStore.inMemory())
        await #expect(throws: ControllerError.self) {
            try await withController(store: store, audit: audit) { controller in
                _ = await controller.post("cluster/maintenance/set", "", type: nil)
                _ = await controller.post("cluster/maintenance/unset", "", type: nil)
                _ = try await store.acquireEpoch()
                let answer = await Self.ask(controller, "applications/operations", create(instances: 1).json)
                #expect(answer.status == 503 && answer.json?["message"]?.text?.contains("look before") == true)
                // Its own end is what ends this.
                try await eventually("it has ended") { false }
            }
        }
        var query = AuditQuery(size: 100)
        query.actor = "default-user"
        let told = try await audit.page(query).records.reversed()
        #expect(told.map { $0["outcome"]?.text } == ["ACCEPTED", "ACCEPTED", "IN_DOUBT"])
        let last = try #require(told.last)
        #expect(last["action"] == "APPLICATION_CREATE" && last["subject"]?["id"] == "TEST_APP-1")
        #expect(last["actor"]?["source"] == "10.1.2.3")
    }

    @Test func `what is ordered of executors is written of each, and what concerns the cluster of that`() async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport())
            for path in [
                "cluster/executors/blacklist?id=\(node)&id=other", "cluster/maintenance/set",
                "cluster/maintenance/unset", "cluster/strays/confirm",
            ] { _ = await controller.post(path, "", type: nil) }
            let told = await Self.records(controller, "actor=default-user").reversed().map { record in
                [record["action"], record["outcome"], record["subject"]?["id"]].map { $0?.text ?? "" }
            }
            #expect(
                told == [
                    ["EXECUTOR_BLACKLIST", "ACCEPTED", node.rawValue], ["EXECUTOR_BLACKLIST", "REFUSED", "other"],
                    ["MAINTENANCE_SET", "ACCEPTED", "c1"], ["MAINTENANCE_UNSET", "ACCEPTED", "c1"],
                    ["STOPS_CONFIRM", "ACCEPTED", "c1"],
                ]
            )
        }
    }

    @Test func `pages go on where the last one ended, and only news come behind a record`() async throws {
        try await withController(store: MemoryStore()) { controller in
            for _ in 0..<3 { _ = await controller.post("cluster/strays/confirm", "", type: nil) }
            let first = await controller.get("cluster/audit?size=2&action=STOPS_CONFIRM").json?["data"]
            let next = try #require(first).integer("next")
            let second = await controller.get("cluster/audit?size=2&action=STOPS_CONFIRM&from=\(next)").json?["data"]
            #expect(second?["next"] == nil)
            #expect(await Self.records(controller, "action=STOPS_CONFIRM").count == 3)
            let last = try #require(second).integer("last")
            #expect(await Self.records(controller, "after=\(last)&action=STOPS_CONFIRM").isEmpty)
            _ = await controller.post("cluster/strays/confirm", "", type: nil)
            #expect(await Self.records(controller, "after=\(last)&action=STOPS_CONFIRM").count == 1)
        }
    }

    @Test func `a bad query is refused`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let cases = [
                ("size=0", "query param size must be greater than or equal to 1"),
                ("size=1001", "query param size must be less than or equal to 1000"),
                ("from=x", "query param from must be a whole number"),
                ("since=-1", "query param since must be greater than or equal to 0"),
            ]
            for (query, text) in cases {
                let answer = await controller.get("cluster/audit?\(query)")
                #expect(answer.status == 400)
                #expect(answer.json?["data"]?["validationErrors"] == [.string(text)], "\(query)")
            }
        }
    }

    @Test func `the log goes on over a restart, and says who led`() async throws {
        let (store, audit) = (MemoryStore(), try await AuditStore.inMemory())
        for number in 1...2 {
            try await withController(store: store, audit: audit) { controller in
                _ = await controller.post("cluster/strays/confirm", "", type: nil)
                let leaders = await Self.records(controller, "action=LEADERSHIP_ACQUIRED")
                #expect(leaders.count == number)
                #expect(leaders.first?["epoch"] == .integer(Int64(number)))
            }
        }
    }

    @Test func `a log that cannot be written holds up no change, and the health check says so`() async throws {
        let (audit, telemetry) = (try await AuditStore.inMemory(), Telemetry())
        try await withController(store: MemoryStore(), audit: audit, telemetry: telemetry) { controller in
            try await audit.close()
            let answer = await controller.post("cluster/maintenance/set", "", type: nil)
            #expect(answer.json?["data"]?["state"] == "MAINTENANCE")
            #expect(telemetry.health.results.contains { $0.name == "audit" && $0.health != .healthy })
            let unread = await controller.get("cluster/audit")
            #expect(unread.status == 503)
            #expect(unread.json?["message"]?.text?.hasPrefix("The audit log cannot be read: ") == true)
        }
    }
}
