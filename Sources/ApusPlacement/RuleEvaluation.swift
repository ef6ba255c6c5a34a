package import ApusModel

/// Evaluates a rule over facts, in as many steps as the rule has words.
package struct RuleEvaluation {
    /// What stands at a JSON pointer, whose keys these are; `nil` if nothing does.
    private let lookUp: ([String]) -> JSON?

    package init(lookUp: @escaping ([String]) -> JSON?) { self.lookUp = lookUp }

    /// Over a JSON value.
    package init(_ facts: JSON) { lookUp = { facts.value(at: $0[...]) } }

    /// What the rule says.
    ///
    /// - Throws: `RuleError` if it is no rule, or asks for what is not there or of another kind.
    package func accepts(_ rule: PlacementRule) throws(RuleError) -> Bool {
        try truth(try rule.expression.get())
    }

    private func truth(_ expression: RuleExpression) throws(RuleError) -> Bool {
        switch expression {
        case .literal(.truth(let flag)): return flag
        case .not(let inner): return !(try truth(inner))
        case .all(let parts):
            for part in parts where !(try truth(part)) { return false }
            return true
        case .any(let parts):
            for part in parts where try truth(part) { return true }
            return false
        case .comparison(let comparison, let left, let right): return try compare(left, comparison, right)
        case .literal, .fact, .list, .call:
            guard case .truth(let flag) = try value(expression) else {
                throw RuleError("\(expression.shown) is not true or false")
            }
            return flag
        }
    }

    private func compare(
        _ left: RuleExpression,
        _ comparison: RuleExpression.Comparison,
        _ right: RuleExpression
    ) throws(RuleError) -> Bool {
        switch comparison {
        case .equal: return try value(left) == (try value(right))
        case .notEqual: return try value(left) != (try value(right))
        case .less: return try number(left) < (try number(right))
        case .lessOrEqual: return try number(left) <= (try number(right))
        case .greater: return try number(left) > (try number(right))
        case .greaterOrEqual: return try number(left) >= (try number(right))
        }
    }

    // MARK: values

    private func value(_ expression: RuleExpression) throws(RuleError) -> RuleValue {
        switch expression {
        case .literal(let value): return value
        case .fact: return try value(of: try fact(expression), expression)
        case .call(let function, let arguments): return try call(function, arguments)
        case .list: throw RuleError("a list has no value of its own")
        case .comparison, .not, .all, .any: return .truth(try truth(expression))
        }
    }

    private func fact(_ expression: RuleExpression) throws(RuleError) -> JSON {
        guard case .fact(let keys) = expression, let fact = lookUp(keys) else {
            throw RuleError("there is no \(expression.shown)")
        }
        return fact
    }

    private func value(of fact: JSON, _ expression: RuleExpression) throws(RuleError) -> RuleValue {
        switch fact {
        case .string(let text): return .text(text)
        case .integer(let number): return .number(Double(number))
        case .number(let number): return .number(number)
        case .bool(let flag): return .truth(flag)
        case .null, .array, .object: throw RuleError("\(expression.shown) is no text, number, true or false")
        }
    }

    private func text(_ expression: RuleExpression) throws(RuleError) -> String {
        let value = try value(expression)
        guard case .text(let text) = value else { throw RuleError("\(expression.shown) is \(value.kind), not a text") }
        return text
    }

    private func number(_ expression: RuleExpression) throws(RuleError) -> Double {
        let value = try value(expression)
        guard case .number(let number) = value else {
            throw RuleError("\(expression.shown) is \(value.kind), not a number")
        }
        return number
    }

    private func numbers(_ expressions: [RuleExpression]) throws(RuleError) -> [Double] {
        var numbers: [Double] = []
        for expression in expressions { numbers.append(try number(expression)) }
        return numbers
    }

    private func elements(_ expression: RuleExpression) throws(RuleError) -> [RuleValue] {
        var values: [RuleValue] = []
        if case .list(let elements) = expression {
            for element in elements { values.append(try value(element)) }
            return values
        }
        guard case .array(let elements) = try fact(expression) else {
            throw RuleError("\(expression.shown) is not a list")
        }
        for element in elements { values.append(try value(of: element, expression)) }
        return values
    }

    // MARK: functions

    private func call(_ function: RuleFunction, _ arguments: [RuleExpression]) throws(RuleError) -> RuleValue {
        switch function {
        case .pathExists, .pointerExists:
            guard case .fact(let keys)? = arguments.first else { return .truth(false) }
            return .truth(lookUp(keys) != nil)
        case .isIn: return .truth(try elements(arguments[1]).contains(try value(arguments[0])))
        case .isNotIn: return .truth(!(try elements(arguments[1]).contains(try value(arguments[0]))))
        // As Java counts.
        case .length: return .number(Double(try text(arguments[0]).utf16.count))
        case .lower: return .text(try text(arguments[0]).lowercased())
        case .upper: return .text(try text(arguments[0]).uppercased())
        case .substring: return .text(try substring(try text(arguments[0]), try numbers(Array(arguments.dropFirst()))))
        case .add, .subtract, .multiply, .divide, .remainder, .absolute, .negate, .floor, .ceiling:
            return .number(calculate(function, try numbers(arguments)))
        }
    }

    private func substring(_ text: String, _ bounds: [Double]) throws(RuleError) -> String {
        let units = Array(text.utf16)
        let (start, end) = (Int(exactly: bounds[0]), bounds.count > 1 ? Int(exactly: bounds[1]) : units.count)
        guard let start, let end, start >= 0, start <= end, end <= units.count else {
            throw RuleError("str.substr reaches beyond a text of \(units.count) characters")
        }
        return String(decoding: units[start..<end], as: UTF16.self)
    }

    private func calculate(_ function: RuleFunction, _ numbers: [Double]) -> Double {
        let first = numbers[0]
        switch function {
        case .subtract: return first - numbers[1]
        case .multiply: return numbers.reduce(1, *)
        case .divide: return first / numbers[1]
        case .remainder: return first.truncatingRemainder(dividingBy: numbers[1])
        case .absolute: return abs(first)
        case .negate: return -first
        case .floor: return first.rounded(.down)
        case .ceiling: return first.rounded(.up)
        case .add, .pathExists, .pointerExists, .isIn, .isNotIn, .length, .lower, .upper, .substring:
            return numbers.reduce(0, +)
        }
    }
}

extension RuleExpression {
    /// For people.
    fileprivate var shown: String {
        switch self {
        case .fact(let keys): keys.map { "/\($0)" }.joined()
        case .call(let function, _): "the value of \(function.rawValue)"
        case .literal(.text(let text)): "'\(text.clipped(toBytes: 80))'"
        case .literal(.number(let number)): "\(number)"
        case .literal(.truth(let flag)): "\(flag)"
        case .list, .comparison, .not, .all, .any: "this part of the rule"
        }
    }
}

extension JSON {
    /// What stands there, null included not.
    fileprivate func value(at keys: ArraySlice<String>) -> JSON? {
        guard let key = keys.first else { return self == .null ? nil : self }
        if case .array(let elements) = self {
            guard let index = Int(key), elements.indices.contains(index) else { return nil }
            return elements[index].value(at: keys.dropFirst())
        }
        return self[key]?.value(at: keys.dropFirst())
    }
}

/// What a rule may ask about one executor, for one application (contract §5.4).
package struct RuleFacts: Sendable {
    package var executor: ExecutorID
    package var metadata: [String: String]
    package var environment: [String: String]

    package init(executor: ExecutorID, metadata: [String: String], environment: [String: String]) {
        self.executor = executor
        self.metadata = metadata
        self.environment = environment
    }

    /// The fact at a JSON pointer.
    package func value(at keys: [String]) -> JSON? {
        switch (keys.first, keys.count) {
        case ("executorNodeId", 1): executor.json
        case ("allocatedExecutorNodeMetadata", 2): metadata[keys[1]].map { .string($0) }
        case ("applicationEnvironment", 2): environment[keys[1]].map { .string($0) }
        // As in Drove, whose map of all executors holds no entry that a rule could count on.
        case ("allocatedExecutorNodeMetadata", 1), ("applicationEnvironment", 1), ("allExecutorMetadata", 1):
            .object([])
        default: nil
        }
    }
}
