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

    @Test func `every operation says which refusals it has, and 403 where there is such`() {
        for (name, operation) in Self.operations {
            let statuses = Set(operation["responses"].members.map(\.key))
            let missing = Set(["400", "401", "404", "405", "413", "415", "429", "503"]).subtracting(statuses)
            #expect(missing.isEmpty, "\(name)")
        }
        let byName = Dictionary(uniqueKeysWithValues: Self.operations.map { ($0.name, $0.json["responses"]) })
        #expect(byName["POST /apis/v1/tasks/operations"]??["403"] != nil)
        #expect(byName["GET /apis/v1/tasks"]??["403"] == nil)
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
