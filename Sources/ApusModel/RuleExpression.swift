/// A placement rule as a tree: it has as many nodes as its text has words, and is nested no deeper than
/// `RuleParser.deepest`.
package indirect enum RuleExpression: Hashable, Sendable {
    package enum Comparison: String, Sendable, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    case literal(RuleValue)
    /// What stands at a JSON pointer in the facts: its keys, without escapes.
    case fact([String])
    case list([RuleExpression])
    case call(RuleFunction, [RuleExpression])
    case comparison(Comparison, RuleExpression, RuleExpression)
    case not(RuleExpression)
    case all([RuleExpression])
    case any([RuleExpression])
}

/// What a part of a rule comes to.
package enum RuleValue: Hashable, Sendable {
    case text(String)
    case number(Double)
    case truth(Bool)

    /// What it is, for people.
    package var kind: String {
        switch self {
        case .text: "a text"
        case .number: "a number"
        case .truth: "true or false"
        }
    }
}

/// HOPE's own functions, those of them that need no clock and no unbounded work.
package enum RuleFunction: String, Sendable, CaseIterable {
    case pathExists = "path.exists"
    case pointerExists = "pointer.exists"
    case length = "str.len"
    case lower = "str.lower"
    case upper = "str.upper"
    case substring = "str.substr"
    case isIn = "arr.in"
    case isNotIn = "arr.not_in"
    case add = "math.add"
    case subtract = "math.sub"
    case multiply = "math.prod"
    case divide = "math.div"
    case remainder = "math.mod"
    case absolute = "math.abs"
    case negate = "math.negate"
    case floor = "math.floor"
    case ceiling = "math.ceil"

    /// How many arguments it takes.
    var arity: ClosedRange<Int> {
        switch self {
        case .pathExists, .pointerExists, .length, .lower, .upper, .absolute, .negate, .floor, .ceiling: 1...1
        case .isIn, .isNotIn, .subtract, .divide, .remainder: 2...2
        case .substring: 2...3
        case .add, .multiply: 1...64
        }
    }
}

/// What is wrong with a rule, or with evaluating it; for whoever wrote it.
package struct RuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }

    init(at position: Int, _ what: String) { description = "at character \(position): \(what)" }
}

/// A rule that selects executors: its text, and what the text means, read once.
///
/// Two rules of the same text are the same.
package struct PlacementRule: Hashable, Sendable {
    /// The longest text of one, in bytes.
    package static let longest = 4096

    package let text: String
    package let type: PlacementPolicy.RuleType
    /// What it means, or why it means nothing.
    package let expression: Result<RuleExpression, RuleError>

    package init(_ text: String, type: PlacementPolicy.RuleType = .hope) {
        self.text = text
        self.type = type
        switch type {
        case .hope: expression = RuleParser.expression(of: text)
        case .mvel:
            expression = .failure(
                RuleError("MVEL runs any Java code and is not supported by Apus: write the rule in HOPE")
            )
        }
    }

    package static func == (left: Self, right: Self) -> Bool { left.text == right.text && left.type == right.type }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(text)
        hasher.combine(type)
    }
}

extension PlacementRule {
    /// Reads the properties `rule` and `ruleType`; a rule that means nothing is refused.
    init(_ reader: SpecReader) {
        self.init(unchecked: reader)
        if case .failure(let error) = expression, !text.isEmpty {
            reader.refuse(type == .mvel ? "ruleType" : "rule", "- \(error)")
        }
    }

    /// Reads the two whatever they mean.
    init(unchecked reader: SpecReader) {
        self.init(
            reader.string("rule", required: "- Specify a rule to select/reject node based"),
            type: reader.choice("ruleType")
        )
    }
}
