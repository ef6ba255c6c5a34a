package import ApusModel

/// The document of the API: OpenAPI 3.0.3, made of the routes and of what is said of each.
///
/// A route needs one entry in the list of its subject (`OpenAPI+applications.swift`, say); a test compares the two.
package enum OpenAPI {
    static let descriptions: [RouteDescription] =
        applications + services + tasks + cluster + events + logs + nodes
        + access

    /// All of it, the same for every cluster.
    package static let document: JSON = .members([
        "openapi": "3.0.3",
        "info": [
            "title": "Apus",
            "description":
                "The HTTP API of the leading controller. Memory is in megabytes, times are in milliseconds since 1970.",
            "version": "1",
        ],
        "paths": .object(paths),
        "components": .members([
            "securitySchemes": securitySchemes, "responses": OpenAPIResponse.common, "schemas": schemas,
        ]),
    ])

    /// The document as a plain file, which needs no credentials and no leader (contract §1.6, §8.1); `nil` for any other
    /// path.
    static func answer(to call: APICall) -> APIAnswer? {
        let type: String
        switch call.path {
        case "/openapi/openapi.json": type = "application/json"
        // Each JSON text is YAML as well.
        case "/openapi/openapi.yaml": type = "application/yaml"
        default: return nil
        }
        guard ["GET", "HEAD"].contains(call.method) else { return .allowing(["GET"], call.method) }
        let (pieces, next) = AsyncThrowingStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(1))
        next.yield(bytes)
        next.finish()
        let file = APIFile(length: bytes.count, contentType: type, disposition: nil, pieces: pieces)
        return APIAnswer(status: 200, file: file)
    }

    private static let bytes = document.bytes

    // MARK: parts

    private static var schemas: JSON {
        let named = (descriptions.flatMap(\.schemas) + OpenAPIResponse.schemas)
            .reduce(into: [:]) { all, schema in all.merge(schema.named) { first, _ in first } }
        return .object(named.keys.sorted().compactMap { name in named[name].map { JSON.Member(name, $0) } })
    }

    /// One member a path, with its methods.
    private static var paths: [JSON.Member] {
        var order: [String] = []
        var methods: [String: [JSON.Member]] = [:]
        for description in descriptions {
            if methods[description.pattern] == nil { order.append(description.pattern) }
            methods[description.pattern, default: []]
                .append(JSON.Member(description.method.lowercased(), operation(description)))
        }
        return order.map { JSON.Member($0, .object(methods[$0] ?? [])) }
    }

    private static func operation(_ description: RouteDescription) -> JSON {
        let route = Route.all.first { $0.method == description.method && $0.pattern == description.pattern }
        let need = route?.need ?? .anyone
        let inPath = zip(description.pathNames, description.path).map { name, schema -> JSON in
            ["name": .string(name), "in": "path", "required": true, "schema": schema.json]
        }
        let others = description.parameters.map { parameter -> JSON in
            [
                "name": .string(parameter.name), "in": .string(parameter.place),
                "description": .string(parameter.description), "schema": parameter.schema.json,
            ]
        }
        return .members([
            "summary": .string(description.summary),
            "tags": .array([.string(description.subject)]),
            "parameters": .array(inPath + others + (route?.readsState == true ? [stale] : [])),
            "requestBody": body(of: description, route?.bodyType ?? "application/json"),
            "responses": OpenAPIResponse.all(of: description, need),
            "security": security(need),
        ])
    }

    private static let stale: JSON = [
        "name": "Apus-Read", "in": "header",
        "description": "Answer from the last known state if this controller does not lead, with its age",
        "schema": ["type": "string", "enum": ["stale"]],
    ]

    private static func body(of description: RouteDescription, _ type: String) -> JSON? {
        description.body.map { schema in
            let content: JSON = .members(["schema": schema.json, "example": description.example])
            return ["required": true, "content": .object([JSON.Member(type, content)])]
        }
    }

    // MARK: who may call

    private static let securitySchemes: JSON = [
        "basic": ["type": "http", "scheme": "basic", "description": "A user; not asked for where access is open"],
        "cluster": [
            "type": "apiKey", "in": "header", "name": "Cluster-Authorization", "description": "Another node's secret",
        ],
        "instance": [
            "type": "apiKey", "in": "header", "name": "App-Instance-Authorization",
            "description": "The token in the environment of an instance",
        ],
    ]

    private static func security(_ need: Need) -> JSON {
        let schemes: [String] =
            switch need {
            case .anyone: ["basic", "cluster", "instance"]
            case .changes, .maintenance, .logs, .administration: ["basic"]
            // The user is for where access is open.
            case .nodes, .controllers: ["cluster", "basic"]
            case .instances: ["instance"]
            }
        return .array(schemes.map { .object([JSON.Member($0, .array([]))]) })
    }
}
