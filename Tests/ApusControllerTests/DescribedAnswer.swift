import ApusController
import ApusModel

/// An answer held against what the API's document says of it: what is missing, of another kind, or not described at all.
enum DescribedAnswer {
    /// The faults of an answer to a method and a path below `/apis/v1/`, each with its place.
    static func faults(_ answer: JSON, to method: String, _ path: String, status: Int = 200) -> [String] {
        let described = operation(method, path)?["responses"]?["\(status)"].map(resolved)
        guard let schema = described?["content"]?["application/json"]?["schema"] else {
            return ["\(method) \(path): no JSON with \(status) is described"]
        }
        return faults(answer, schema, "answer")
    }

    /// Of several paths that match, the one with the most words of its own.
    private static func operation(_ method: String, _ path: String) -> JSON? {
        guard case .object(let paths)? = OpenAPI.document["paths"] else { return nil }
        let asked = "/apis/v1/\(path)".prefix { $0 != "?" }.split(separator: "/")
        func open(_ pattern: String) -> Int { pattern.count { $0 == "{" } }
        let matching = paths.filter { candidate in
            let words = candidate.key.split(separator: "/")
            return candidate.value[method.lowercased()] != nil && words.count == asked.count
                && zip(words, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        return matching.min { open($0.key) < open($1.key) }?.value[method.lowercased()]
    }

    private static func resolved(_ part: JSON) -> JSON {
        guard let reference = part["$ref"]?.text else { return part }
        let keys = reference.split(separator: "/").dropFirst().map(String.init)
        return keys.reduce(OpenAPI.document) { json, key in json[key] ?? .null }
    }

    private static func faults(_ value: JSON, _ reference: JSON, _ place: String) -> [String] {
        let schema = resolved(reference)
        for key in ["oneOf", "anyOf"] {
            guard case .array(let choices)? = schema[key] else { continue }
            return choices.map { faults(value, $0, place) }.min { $0.count < $1.count } ?? []
        }
        // What says nothing takes anything.
        guard let type = schema["allOf"] == nil ? schema["type"]?.text : "object" else { return [] }
        if case .array(let allowed)? = schema["enum"], !allowed.contains(value) {
            return ["\(place) is \(value.serialized)"]
        }
        switch (value, type) {
        case (.object(let members), "object"): return faults(members, Shape(of: schema), place)
        case (.array(let elements), "array"):
            return elements.flatMap { faults($0, schema["items"] ?? .object([]), "\(place)[]") }
        case (.string, "string"), (.bool, "boolean"), (.integer, "integer"), (.integer, "number"),
            (.number, "number"):
            return []
        default: return ["\(place) is no \(type)"]
        }
    }

    private static func faults(_ members: [JSON.Member], _ shape: Shape, _ place: String) -> [String] {
        let missing = shape.required.filter { key in !members.contains { $0.key == key } }
        return missing.map { "\(place).\($0) is missing" }
            + members.flatMap { member -> [String] in
                let known = shape.properties.first { $0.key == member.key }?.value ?? shape.others
                if let known { return faults(member.value, known, "\(place).\(member.key)") }
                return shape.properties.isEmpty ? [] : ["\(place).\(member.key) is not described"]
            }
    }

    /// What an object holds, with what it is composed of.
    private struct Shape {
        var properties: [JSON.Member] = []
        var required: [String] = []
        /// Of all other members.
        var others: JSON?

        init(of schema: JSON) {
            if case .object(let members)? = schema["properties"] { properties = members }
            if case .array(let keys)? = schema["required"] { required = keys.compactMap(\.text) }
            others = schema["additionalProperties"]
            guard case .array(let parts)? = schema["allOf"] else { return }
            for part in parts.map({ Shape(of: DescribedAnswer.resolved($0)) }) {
                properties += part.properties
                required += part.required
            }
        }
    }
}
