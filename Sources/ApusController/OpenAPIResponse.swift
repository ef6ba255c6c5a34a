import ApusModel

/// What routes answer: the document's statuses, with their bodies and headers.
enum OpenAPIResponse {
    /// By status, in its order.
    static func all(of description: RouteDescription, _ need: Need) -> JSON {
        var responses = own(description.answer)
        for (status, name) in names(need) where !responses.contains(where: { $0.key == status }) {
            responses.append(JSON.Member(status, ["$ref": .string("#/components/responses/\(name)")]))
        }
        return .object(responses.sorted { $0.key < $1.key })
    }

    private static func names(_ need: Need) -> [(status: String, name: String)] {
        [
            ("400", "Refused"), ("401", "Unknown"), ("403", need == .anyone ? "OtherPage" : "Forbidden"),
            ("404", "NoPath"), ("405", "NoMethod"), ("408", "Late"), ("413", "TooLarge"), ("415", "OtherType"),
            ("429", "Busy"), ("431", "HeadTooLarge"), ("500", "Unexpected"), ("503", "Unavailable"),
        ]
    }

    // MARK: of one route

    private static func own(_ answer: RouteDescription.Answer) -> [JSON.Member] {
        switch answer {
        case .data(let schema): [ok(success(schema))]
        case .found(let schema): [ok(.one(of: [success(schema), failure]))]
        case .nothing: [ok(success(nil))]
        case .plain(let schema): [ok(schema)]
        case .logs(let schema): logs(schema)
        case .stream: [file(["text/event-stream"])]
        case .file(let type): [file([type])]
        case .frames:
            [
                JSON.Member(
                    "200",
                    [
                        "description": "What the command writes, or why there is no such instance",
                        "content": ["application/vnd.apus.exec": [:], "application/json": ["schema": failure.json]],
                    ]
                )
            ]
        case .never: []
        case .redirection:
            [
                JSON.Member(
                    "303",
                    [
                        "description": "Where it is shown",
                        "headers": ["Location": ["required": true, "schema": Schema.text.json]],
                    ]
                )
            ]
        }
    }

    private static func ok(_ schema: Schema) -> JSON.Member {
        JSON.Member("200", response("What was asked for", schema))
    }

    private static func file(_ types: [String]) -> JSON.Member {
        JSON.Member(
            "200",
            ["description": "The text itself", "content": .object(types.map { JSON.Member($0, [:]) })]
        )
    }

    private static func logs(_ schema: Schema?) -> [JSON.Member] {
        [
            schema.map(ok) ?? file(["text/plain", "application/gzip"]),
            JSON.Member("204", ["description": "There is no such instance or task, or its executor is away"]),
            JSON.Member("400", response("The executor refused it", .one(of: [error, refusal]))),
            JSON.Member("500", response("The executor could not be asked", .one(of: [error, failure]))),
        ]
    }

    // MARK: of many

    static let common: JSON = [
        "Refused": response("What was asked for is not taken, or this controller does not lead", refusal),
        "Unknown": [
            "description": "Nobody, or nobody known, asks",
            "headers": ["WWW-Authenticate": ["required": true, "schema": Schema.text.json]],
            "content": ["text/plain": ["schema": Schema.text.json]],
        ],
        "Forbidden": [
            "description": "Whoever asks may not do that; with a body as OtherPage has it, that one was the reason"
        ],
        "OtherPage": response(
            "A page of another site asks; or, where nobody has to say who they are, it is asked by a strange name",
            failure
        ),
        "NoPath": ["description": "There is no such path"],
        "NoMethod": [
            "description": "The path takes other methods",
            "headers": ["Allow": ["required": true, "schema": Schema.text.json]],
        ],
        "Late": response("The body did not arrive in time", failure),
        "TooLarge": response("The body is too large", failure),
        "OtherType": ["description": "The body says that it is of another type"],
        "HeadTooLarge": response("Path and header fields are too long together", failure),
        "Busy": response("Too much is asked at a time", failure, headers: retryAfter),
        "Unexpected": response("An error of Apus", failure),
        "Unavailable": response("Nothing was changed: the store does not answer", failure, headers: retryAfter),
    ]

    /// Used by those and by `own`.
    static let schemas = [success(nil), failure, refusal, error]

    private static let retryAfter: JSON = [
        "Retry-After": ["required": true, "schema": Schema.integer(1...3600).json]
    ]

    private static func response(_ description: String, _ schema: Schema, headers: JSON? = nil) -> JSON {
        .members([
            "description": .string(description), "headers": headers,
            "content": ["application/json": ["schema": schema.json]],
        ])
    }

    // MARK: envelopes

    private static func success(_ data: Schema?) -> Schema {
        let (status, message) = (Schema.choice(["SUCCESS"]), Schema.text)
        guard let data else { return .named("Success", .object(["status": status, "message": message])) }
        return .object(["status": status, "data": data, "message": message])
    }

    private static let failure = Schema.named(
        "Failure",
        .object(["status": .choice(["FAILED"]), "message": .text], optional: ["data": .object([:])])
    )

    private static let refusal = Schema.named(
        "Refusal",
        .object(
            ["status": .choice(["FAILED"]), "message": .text],
            // A simulation says them by both names.
            optional: [
                "data": .object(["validationErrors": .list(.text, least: 1)], optional: ["errors": .list(.text)]),
                // Of a controller that does not lead.
                "reason": .text,
            ]
        )
    )

    /// Of log files.
    private static let error = Schema.named("LogError", .object(["error": .text]))
}
