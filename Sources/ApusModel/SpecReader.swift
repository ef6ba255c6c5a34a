/// What is wrong with a specification, collected while it is read.
package final class SpecFindings {
    /// Off when Apus reads its own records.
    let checksRules: Bool
    private var fault: String?
    private var violations: [String] = []
    private var wholeViolations: [String] = []
    /// How many were found beyond those that are kept.
    private var untold = 0
    /// So many of each kind are kept: a request of a megabyte can break a rule as often as it has bytes.
    private static let mostKept = 100

    init(checksRules: Bool) { self.checksRules = checksRules }

    func addFault(_ text: String) { fault = fault ?? text }
    func addViolation(_ text: String) { add(text, to: &violations) }
    func addWholeViolation(_ text: String) { add(text, to: &wholeViolations) }

    private func add(_ text: String, to list: inout [String]) {
        if list.count < Self.mostKept { list.append(text) } else { untold += 1 }
    }

    /// `nil` when nothing is wrong.
    var refusal: SpecRefusal? {
        if let fault { return .unreadable(fault) }
        let all = violations + wholeViolations
        guard !all.isEmpty else { return nil }
        return .violations(untold == 0 ? all : all + ["and \(untold) more"])
    }
}

/// Reads one object of a specification without ever stopping at a fault.
///
/// It is as lenient as Drove's JSON library: unknown properties are ignored, `"1"` and `1.0` are taken for 1, a number
/// or a truth value for a string, enum values in any case. It is stricter where that one would lose something: 1.5 is
/// no whole number, and a fraction is no string (1.10 would become 1.1).
package struct SpecReader {
    private let object: JSON
    private let path: String
    private let findings: SpecFindings

    init(_ json: JSON, path: String, findings: SpecFindings) {
        object = json
        self.path = path
        self.findings = findings
        guard case .object = json else {
            let place = path.isEmpty ? "The value" : String(path.dropLast())
            findings.addFault("\(place) must be a JSON object, not \(json.kindName)")
            return
        }
    }

    /// Where the fields of an absent part are "read": nothing is recorded twice.
    private static var nowhere: SpecReader {
        SpecReader(.object([]), path: "", findings: SpecFindings(checksRules: false))
    }

    /// True when rules are to be checked, false when Apus reads its own records.
    var checksRules: Bool { findings.checksRules }

    // MARK: what is wrong

    /// The JSON itself is not what it must be.
    func fault(_ key: String, _ message: String) { findings.addFault("\(path)\(key) \(message)") }

    /// Something is absent without which there is no value.
    func missing(_ key: String, _ message: String) { findings.addViolation("\(path)\(key) \(message)") }

    /// A rule is broken.
    func refuse(_ key: String, _ message: String) {
        if checksRules { findings.addViolation("\(path)\(key) \(message)") }
    }

    /// A rule across several fields is broken; the text stands without a path.
    func refuse(whole text: String) {
        if checksRules { findings.addWholeViolation(text) }
    }

    /// Something is absent from the whole; the text stands without a path.
    func missing(whole text: String) { findings.addWholeViolation(text) }

    // MARK: scalars

    func has(_ key: String) -> Bool { object[key] != nil }
    func raw(_ key: String) -> JSON? { object[key] }

    func string(_ key: String) -> String? { object[key].flatMap { string($0, key) } }

    /// A string that must be there and not be empty.
    func string(_ key: String, required message: String) -> String {
        guard let text = string(key) else {
            missing(key, message)
            return ""
        }
        if text.isEmpty { refuse(key, message) }
        return text
    }

    /// A string that must be there, not be empty and have at most so many bytes.
    func string(_ key: String, required message: String, atMost limit: Int) -> String {
        let text = string(key, required: message)
        if text.utf8.count > limit { refuse(key, "size must be between 1 and \(limit)") }
        return text
    }

    /// A name that must be there: letters, digits, hyphens and underscores.
    func plainName(_ key: String, required message: String) -> String {
        let text = string(key, required: message)
        if !text.isPlainName { refuse(key, "- Only characters, numbers, hyphen and underscore is allowed") }
        return text
    }

    /// A whole number; absent is 0.
    func integer(_ key: String) -> Int64 {
        guard let value = object[key] else { return 0 }
        guard let number = Self.whole(value) else {
            fault(key, "must be a whole number, not \(value.kindName)")
            return 0
        }
        return number
    }

    /// A whole number within a range; absent is 0.
    func integer(_ key: String, in range: ClosedRange<Int64>, low: String? = nil, high: String? = nil) -> Int64 {
        let number = integer(key)
        if number < range.lowerBound { refuse(key, low ?? "must be greater than or equal to \(range.lowerBound)") }
        if number > range.upperBound { refuse(key, high ?? "must be less than or equal to \(range.upperBound)") }
        return number
    }

    /// True or false; absent is false.
    func bool(_ key: String) -> Bool {
        switch object[key] {
        case nil: return false
        case .bool(let flag)?: return flag
        case .integer(let number)?: return number != 0
        case .string("true")?, .string("True")?, .string("TRUE")?: return true
        case .string("false")?, .string("False")?, .string("FALSE")?: return false
        case let value?:
            fault(key, "must be true or false, not \(value.kindName)")
            return false
        }
    }

    /// One of an enum's values in any case of letters.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) -> Choice? {
        guard let value = object[key] else { return nil }
        if case .string(let text) = value,
            let choice = Choice.allCases.first(where: { $0.rawValue == text.uppercased() })
        {
            return choice
        }
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        fault(key, "must be one of [\(names)], not \(value.serialized.prefix(80))")
        return nil
    }

    /// An enum's value that must be there.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        required message: String = "must not be null"
    ) -> Choice {
        guard let choice: Choice = choice(key) else {
            missing(key, message)
            return Choice.allCases[Choice.allCases.startIndex]
        }
        return choice
    }

    func duration(_ key: String) -> DurationText? {
        guard let value = object[key] else { return nil }
        do {
            return try DurationText(json: value)
        } catch {
            fault(key, "- \(error.message)")
            return nil
        }
    }

    func duration(_ key: String, required message: String = "must not be null") -> DurationText {
        guard let duration = duration(key) else {
            missing(key, message)
            return DurationText(0, .seconds)
        }
        return duration
    }

    /// A byte array, base64 on the wire.
    func bytes(_ key: String, required message: String = "must not be null") -> [UInt8] {
        guard let text = string(key) else {
            missing(key, message)
            return []
        }
        guard let bytes = Base64.decoded(text) else {
            fault(key, "must be base64")
            return []
        }
        return bytes
    }

    /// The discriminator: exactly one of the known ids.
    ///
    /// Without it nothing else can be read.
    func kind(_ known: [String], orElse fallback: String? = nil) -> String {
        guard let value = object["type"] else {
            if fallback == nil { fault("type", "is missing; known are [\(known.joined(separator: ", "))]") }
            return fallback ?? ""
        }
        guard case .string(let kind) = value, known.contains(kind) else {
            fault("type", "must be one of [\(known.joined(separator: ", "))], not \(value.serialized.prefix(80))")
            return ""
        }
        return kind
    }

    /// An object as it is; absent is one without members.
    func object(_ key: String) -> JSON {
        guard let value = object[key] else { return .object([]) }
        if case .object = value { return value }
        fault(key, "must be a JSON object, not \(value.kindName)")
        return .object([])
    }

    // MARK: parts

    func part<Part: SpecPart>(_ key: String) -> Part? {
        object[key].map { Part(SpecReader($0, path: "\(path)\(key).", findings: findings)) }
    }

    func part<Part: SpecPart>(_ key: String, required message: String = "must not be null") -> Part {
        guard let part: Part = part(key) else {
            missing(key, message)
            return Part(Self.nowhere)
        }
        return part
    }

    /// The parts of a list; `required` is said when the list is absent or empty.
    func parts<Part: SpecPart>(_ key: String, required message: String? = nil) -> [Part] {
        elements(key, required: message) { element, place in
            Part(SpecReader(element, path: "\(path)\(place).", findings: findings))
        }
    }

    func strings(_ key: String, required message: String? = nil) -> [String] {
        elements(key, required: message) { string($0, $1) ?? "" }
    }

    /// Whole numbers, each once, in the order given.
    func integers(_ key: String, required message: String? = nil) -> [Int] {
        let numbers = elements(key, required: message) { element, place in
            if Self.whole(element) == nil { fault(place, "must be a whole number, not \(element.kindName)") }
            return Int(Self.whole(element) ?? 0)
        }
        var seen: Set<Int> = []
        return numbers.filter { seen.insert($0).inserted }
    }

    /// Lists of strings in a list.
    func stringLists(_ key: String) -> [[String]] {
        elements(key, required: nil) { element, place in
            guard case .array(let texts) = element else {
                fault(place, "must be a list, not \(element.kindName)")
                return []
            }
            return texts.enumerated().map { string($1, "\(place)[\($0)]") ?? "" }
        }
    }

    func stringMap(_ key: String) -> [String: String] {
        guard let value = object[key] else { return [:] }
        guard case .object(let members) = value else {
            fault(key, "must be a JSON object, not \(value.kindName)")
            return [:]
        }
        var map: [String: String] = [:]
        for member in members {
            if member.value == .null {
                missing("\(key)[\(member.key)]", "must not be null")
            } else {
                map[member.key] = string(member.value, "\(key)[\(member.key)]")
            }
        }
        return map
    }

    private func elements<Element>(
        _ key: String,
        required message: String?,
        _ read: (JSON, String) -> Element
    ) -> [Element] {
        guard let value = object[key] else {
            if let message { missing(key, message) }
            return []
        }
        guard case .array(let elements) = value else {
            fault(key, "must be a list, not \(value.kindName)")
            return []
        }
        if let message, elements.isEmpty { refuse(key, message) }
        var all: [Element] = []
        for (index, element) in elements.enumerated() {
            if element == .null {
                missing("\(key)[\(index)]", "must not be null")
            } else {
                all.append(read(element, "\(key)[\(index)]"))
            }
        }
        return all
    }

    private func string(_ value: JSON, _ place: String) -> String? {
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .bool(let flag): return String(flag)
        case .null, .number, .array, .object:
            fault(place, "must be a string, not \(value.kindName)")
            return nil
        }
    }

    private static func whole(_ value: JSON) -> Int64? {
        switch value {
        case .integer(let number): number
        case .number(let number): Int64(exactly: number)
        case .string(let text): Int64(text)
        case .null, .bool, .array, .object: nil
        }
    }
}

extension JSON {
    /// What it is, for people.
    fileprivate var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .integer: "a whole number"
        case .number: "a number with a fraction or out of range"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
