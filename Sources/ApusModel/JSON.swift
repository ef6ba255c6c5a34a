/// A JSON value whose objects keep the order of their members.
///
/// Apus owns this value because answers have a fixed key order, because a specification is validated whole and not
/// up to its first error, and because the pure modules know no Foundation.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    /// A key and its value.
    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: JSON

        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }

    /// An object of the given members in their order; members whose value is `nil` are left out.
    package static func members(_ pairs: KeyValuePairs<String, JSON?>) -> JSON {
        var members: [Member] = []
        members.reserveCapacity(pairs.count)
        for (key, value) in pairs { if let value { members.append(Member(key, value)) } }
        return .object(members)
    }

    /// An object of strings, sorted by key so that equal maps have equal bytes.
    package static func strings(_ map: [String: String]) -> JSON {
        .object(map.keys.sorted().map { Member($0, .string(map[$0] ?? "")) })
    }

    /// The member of that key, the last one if it is repeated; `nil` if absent, null, or if this is no object.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        guard let value = members.last(where: { $0.key == key })?.value, value != .null else { return nil }
        return value
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}

/// What is wrong with a JSON text or value, for the person who sent it.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String

    package init(_ message: String) { self.message = message }
    package var description: String { message }
}

/// Typed reading of objects written by Apus itself (messages, records): the first fault is thrown.
extension JSON {
    package func required(_ key: String) throws(JSONError) -> JSON {
        guard let value = self[key] else { throw JSONError("\(key) is missing") }
        return value
    }

    package func string(_ key: String) throws(JSONError) -> String {
        guard case .string(let text) = try required(key) else { throw JSONError("\(key) must be a string") }
        return text
    }

    package func integer(_ key: String) throws(JSONError) -> Int64 {
        guard case .integer(let number) = try required(key) else { throw JSONError("\(key) must be an integer") }
        return number
    }

    /// As `integer`, and it must fit an `Int`.
    package func int(_ key: String) throws(JSONError) -> Int { Int(try integer(key)) }

    package func bool(_ key: String) throws(JSONError) -> Bool {
        guard case .bool(let flag) = try required(key) else { throw JSONError("\(key) must be true or false") }
        return flag
    }

    package func array(_ key: String) throws(JSONError) -> [JSON] {
        guard case .array(let elements) = try required(key) else { throw JSONError("\(key) must be an array") }
        return elements
    }

    /// The strings of an array; absent reads as empty.
    package func strings(_ key: String) throws(JSONError) -> [String] {
        guard self[key] != nil else { return [] }
        var texts: [String] = []
        for element in try array(key) {
            guard case .string(let text) = element else { throw JSONError("\(key) must hold strings only") }
            texts.append(text)
        }
        return texts
    }

    /// The strings of an object; absent reads as empty.
    package func stringMap(_ key: String) throws(JSONError) -> [String: String] {
        guard let value = self[key] else { return [:] }
        guard case .object(let members) = value else { throw JSONError("\(key) must be an object") }
        var map: [String: String] = [:]
        for member in members {
            guard case .string(let text) = member.value else { throw JSONError("\(key) must hold strings only") }
            map[member.key] = text
        }
        return map
    }

    /// The integers of an array.
    package func integers(_ key: String) throws(JSONError) -> [Int] {
        var numbers: [Int] = []
        for element in try array(key) {
            guard case .integer(let number) = element else { throw JSONError("\(key) must hold integers only") }
            numbers.append(Int(number))
        }
        return numbers
    }

    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}
