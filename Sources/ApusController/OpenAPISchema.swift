import ApusModel

/// What a value of the API looks like, as OpenAPI 3.0 says it.
///
/// One with a name stands in the document once; whoever uses it brings it along.
struct Schema: Sendable {
    let json: JSON
    /// Those that it names, directly or not.
    let named: [String: JSON]

    private init(_ json: JSON, _ parts: [Schema] = []) {
        self.json = json
        named = parts.reduce(into: [:]) { all, part in all.merge(part.named) { first, _ in first } }
    }

    private init(_ json: JSON, named: [String: JSON]) {
        self.json = json
        self.named = named
    }

    /// The schema under a name.
    static func named(_ name: String, _ schema: Schema) -> Schema {
        Schema(reference(name).json, named: schema.named.merging([name: schema.json]) { first, _ in first })
    }

    /// What another one has the name of; for one that contains itself.
    static func reference(_ name: String) -> Schema {
        Schema(["$ref": .string("#/components/schemas/\(name)")])
    }

    // MARK: values

    static let any = Schema([:])
    static let flag = Schema(["type": "boolean"])
    static let number = Schema(["type": "number"])
    static let integer = Schema(["type": "integer", "format": "int64"])
    /// Milliseconds of 1970.
    static let time = integer.described("milliseconds since 1970")
    static let text = Schema(["type": "string"])
    static let base64 = Schema(["type": "string", "format": "byte"])

    static func integer(_ range: ClosedRange<Int64>) -> Schema {
        integer.adding("minimum", .integer(range.lowerBound)).adding("maximum", .integer(range.upperBound))
    }

    /// Not empty, and at most so many characters.
    static func text(upTo length: Int64) -> Schema {
        text.adding("minLength", 1).adding("maxLength", .integer(length))
    }

    static func text(like pattern: String) -> Schema { text.adding("pattern", .string(pattern)) }

    static func choice(_ values: [String]) -> Schema { text.adding("enum", .array(values.map { .string($0) })) }

    static func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Schema {
        choice(Choice.allCases.map(\.rawValue))
    }

    // MARK: composed

    static func list(_ element: Schema, least: Int64 = 0, most: Int64? = nil) -> Schema {
        Schema(
            .members([
                "type": "array", "items": element.json, "minItems": least == 0 ? nil : .integer(least),
                "maxItems": most.map { .integer($0) },
            ]),
            [element]
        )
    }

    static func map(_ value: Schema) -> Schema {
        Schema(["type": "object", "additionalProperties": value.json], [value])
    }

    /// Members that are always there, and others that may be.
    static func object(
        _ required: KeyValuePairs<String, Schema>,
        optional: KeyValuePairs<String, Schema> = [:]
    ) -> Schema {
        let members = Array(required) + Array(optional)
        return Schema(
            .members([
                "type": "object",
                "required": required.isEmpty ? nil : .array(required.map { .string($0.key) }),
                "properties": .object(members.map { JSON.Member($0.key, $0.value.json) }),
            ]),
            members.map(\.value)
        )
    }

    /// One kind of a value whose member `type` tells the kinds apart, by one name or several.
    static func kind(
        _ names: String...,
        with required: KeyValuePairs<String, Schema> = [:],
        optional: KeyValuePairs<String, Schema> = [:]
    ) -> Schema {
        let type = choice(names)
        let members = Array(required) + Array(optional)
        return Schema(
            .members([
                "type": "object", "required": .array((["type"] + required.map(\.key)).map { .string($0) }),
                "properties": .object(
                    [JSON.Member("type", type.json)] + members.map { JSON.Member($0.key, $0.value.json) }
                ),
            ]),
            members.map(\.value)
        )
    }

    /// Exactly one of them.
    static func one(of schemas: [Schema]) -> Schema { Schema(["oneOf": .array(schemas.map(\.json))], schemas) }

    /// One of them, or several at once.
    static func any(of schemas: [Schema]) -> Schema { Schema(["anyOf": .array(schemas.map(\.json))], schemas) }

    static func all(of schemas: [Schema]) -> Schema { Schema(["allOf": .array(schemas.map(\.json))], schemas) }

    // MARK: said of it

    func described(_ text: String) -> Schema { adding("description", .string(text)) }
    func example(_ value: JSON) -> Schema { adding("example", value) }

    private func adding(_ key: String, _ value: JSON) -> Schema {
        guard case .object(let members) = json else { return self }
        return Schema(.object(members + [JSON.Member(key, value)]), named: named)
    }
}
