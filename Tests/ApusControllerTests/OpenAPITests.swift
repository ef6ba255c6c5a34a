import ApusController
import ApusModel
import ApusStore
import ApusTestKit
import Logging
import Testing

/// The document of the API, beside the API itself.
@Suite struct OpenAPITests {
    private static var operations: [(name: String, json: JSON)] {
        OpenAPI.document["paths"].members.flatMap { path in
            path.value.members.map { ("\($0.key.uppercased()) \(path.key)", $0.value) }
        }
    }

    @Test func `every route is described, and nothing else is`() {
        let described = Self.operations.map(\.name)
        let missing = Set(API.operations).subtracting(described)
        #expect(missing.isEmpty, "add an entry for each to the list of its subject, OpenAPI+….swift")
        #expect(Set(described).subtracting(API.operations).isEmpty, "there are no such routes")
        #expect(Set(described).count == described.count)
    }

    @Test func `every part of a path that stands for something is a parameter`() {
        for (name, operation) in Self.operations {
            let braced = name.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                String($0.dropFirst().dropLast())
            }
            let declared = operation["parameters"].elements.filter { $0["in"] == "path" }.compactMap {
                $0["name"]?.text
            }
            #expect(declared == braced, "\(name)")
        }
    }

    @Test func `every reference leads somewhere, and every schema is used`() {
        let text = OpenAPI.document.serialized
        let used = Set(text.matches(of: /"#\/components\/schemas\/(\w+)"/).map { String($0.1) })
        let schemas = OpenAPI.document["components"]?["schemas"].members.map(\.key)
        #expect(used == Set(schemas ?? []))
        let responses = Set(text.matches(of: /"#\/components\/responses\/(\w+)"/).map { String($0.1) })
        #expect(responses == Set(OpenAPI.document["components"]?["responses"].members.map(\.key) ?? []))
    }

    @Test func `every operation says which refusals it has, and 403 with its reason where that is no role`() {
        for (name, operation) in Self.operations {
            let statuses = Set(operation["responses"].members.map(\.key))
            let missing = Set(["400", "401", "403", "404", "405", "413", "415", "429", "503"]).subtracting(statuses)
            #expect(missing.isEmpty, "\(name)")
        }
        let byName = Dictionary(uniqueKeysWithValues: Self.operations.map { ($0.name, $0.json["responses"]) })
        #expect(byName["POST /apis/v1/tasks/operations"]??["403"] == ["$ref": "#/components/responses/Forbidden"])
        #expect(byName["GET /apis/v1/tasks"]??["403"] == ["$ref": "#/components/responses/OtherPage"])
        #expect(byName["POST /apis/v1/tasks/search"]??["303"] != nil)
    }

    @Test func `the document is there without a leader, as JSON and as YAML`() async throws {
        let idle = Controller(
            settings: ControllerSettings(cluster: cluster, hostname: "ctrl1", port: 10000, seed: 7),
            store: MemoryStore(),
            audit: try await .inMemory(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(await idle.get("ping").status == 400)
        for (name, type) in [("json", "application/json"), ("yaml", "application/yaml")] {
            let answer = await idle.api.answer(APICall("GET", "/openapi/openapi.\(name)"))
            let file = try #require(answer.file)
            #expect(answer.status == 200 && file.contentType == type)
            var bytes: [UInt8] = []
            for try await piece in file.pieces { bytes += piece }
            #expect(file.length == bytes.count)
            #expect(try JSON(parsing: bytes) == OpenAPI.document)
        }
        let refused = await idle.api.answer(APICall("POST", "/openapi/openapi.json"))
        #expect(refused.status == 405 && refused.allow == ["GET", "HEAD", "OPTIONS"])
        #expect(await idle.api.answer(APICall("GET", "/openapi/other.json")).status == 404)
    }

    // MARK: answers

    /// Commands that print what the API says with `--json`, and which call that is.
    private static let printed: KeyValuePairs = [
        "apps-list": "GET applications", "apps-scale": "GET applications/{id}",
        "explain": "GET applications/{id}/explain", "localservices-list": "GET localservices",
        "localservices-test": "GET localservices/{id}", "tasks-list": "GET tasks",
        "tasks-show": "GET tasks/{source}/instances/{task}", "tasks-delete": "DELETE tasks/{source}/instances/{task}",
        "cluster-show": "GET cluster", "top": "GET cluster/usage", "audit": "GET cluster/audit",
        "executors-list": "GET cluster/executors", "executors-show": "GET cluster/executors/{id}",
        "executors-blacklist": "POST cluster/executors/blacklist",
        "executors-unblacklist": "POST cluster/executors/unblacklist",
        "executors-suspend": "POST cluster/executors/suspend", "executors-resume": "POST cluster/executors/resume",
        "executors-retire": "POST cluster/executors/retire", "executors-confirm-stops": "POST cluster/strays/confirm",
        "store-confirm": "POST cluster/restored/confirm", "maintenance-on": "POST cluster/maintenance/set",
        "maintenance-off": "POST cluster/maintenance/unset", "cluster-spread-show": "GET cluster/placement/spread",
        "cluster-spread-set": "POST cluster/placement/spread",
        "cluster-rotate-instance-keys": "POST cluster/instance-keys/rotate", "users-list": "GET users",
        "users-import": "POST users", "users-set": "PUT users/{name}", "users-remove": "DELETE users/{name}",
    ]

    @Test func `every answer that is recorded is described, down to its last member`() throws {
        for (version, answers) in [(2, GoldenAnswers.all), (3, GoldenAnswers.tasks)] {
            // The second version's cluster had no id yet.
            for (path, file) in answers where version > 2 || path != "cluster" {
                let answer = try JSON(parsing: try GoldenAnswers.text(file, version: version))
                #expect(DescribedAnswer.faults(answer, to: "GET", path) == [], "\(path)")
            }
        }
        for (command, call) in Self.printed {
            let words = call.split(separator: " ").map(String.init)
            let data = try JSON(parsing: try GoldenCommands.text(command))
            let answer: JSON = .members(["status": "SUCCESS", "data": data, "message": "success"])
            #expect(DescribedAnswer.faults(answer, to: words[0], words[1]) == [], "\(command)")
        }
    }

    @Test func `all that an executor can tell is described`() async throws {
        var report = fullReport()
        report.description?.zone = "z1"
        report.description?.metadata = ["rack": "r1"]
        report.description?.topology = Topology(
            nodes: [Topology.Node(id: 0, cores: [0, 1], memoryMB: 1024, siblings: [[0, 1]])],
            sharing: .shared(multiplier: 2),
            memoryMultiplier: 2,
            quantities: ["disk": 1000]
        )
        report.warnings = ["a disk is full"]
        report.quarantine = Quarantine([Quarantine.Entry(container: ContainerID("c1"), name: "old", reason: "torn")])
        var load = NodeLoad(freeMemoryMB: 400, freeCPU: 2_500)
        (load.totalMemoryMB, load.processors, load.totalDiskMB, load.freeDiskMB) = (1_000, 4, 2_000, 500)
        report.load = load
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let summary = await controller.get("cluster/executors").json?["data"]?[0]
            #expect(summary?["load"] != nil && summary?["warnings"] != nil && summary?["zone"] != nil)
            for path in [
                "cluster", "cluster/executors", "cluster/executors/\(node)", "cluster/dashboard",
                "cluster/events/latest",
                "applications/TEST_APP-1/explain?executors=true",
            ] {
                let answer = await controller.get(path)
                #expect(answer.status == 200)
                #expect(DescribedAnswer.faults(answer.json ?? .null, to: "GET", path) == [], "\(path)")
            }
        }
    }

    @Test func `what a simulation says, and why it says nothing, is described`() async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport())
            let path = "cluster/placement/simulate?detail=true"
            let spec = exampleSpec(policy: .onePerHost).json
            for question: JSON in [["spec": spec, "numInstances": 2], ["spec": spec, "numInstances": 0]] {
                let answer = await controller.post(path, question.serialized)
                #expect(answer.status == (question["numInstances"] == 0 ? 400 : 200))
                let json = answer.json ?? .null
                #expect(DescribedAnswer.faults(json, to: "POST", path, status: answer.status) == [])
            }
        }
    }

    // MARK: methods

    @Test func `a path tells its methods when it is asked for another one, and to OPTIONS`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let path = "/apis/v1/tasks/S/instances/T"
            let refused = await controller.api.answer(APICall("PUT", path))
            #expect(refused.status == 405 && refused.allow == ["GET", "DELETE", "HEAD", "OPTIONS"])
            let asked = await controller.api.answer(APICall("OPTIONS", path))
            #expect(asked.status == 200 && asked.json == nil && asked.allow == refused.allow)
            #expect(await controller.api.answer(APICall("OPTIONS", "/apis/v1/nope")).status == 404)
        }
    }
}

extension JSON? {
    fileprivate var members: [JSON.Member] {
        guard case .object(let members)? = self else { return [] }
        return members
    }

    fileprivate var elements: [JSON] {
        guard case .array(let elements)? = self else { return [] }
        return elements
    }
}

extension JSON {
    fileprivate var members: [JSON.Member] { Optional(self).members }
}
