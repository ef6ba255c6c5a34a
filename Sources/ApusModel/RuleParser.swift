/// Reads a rule in HOPE, the expression language of Drove's placement rules.
///
/// Every rule that it takes means what it means to HOPE, and a little more is allowed: truth values need no `== true`.
/// Where HOPE itself would not do what it seems to say (`&&` and `||` in one row), parentheses are asked for.
struct RuleParser {
    /// Of parentheses and calls.
    static let deepest = 32

    private let tokens: [RuleToken]
    private var index = 0
    private var depth = 0

    private init(_ tokens: [RuleToken]) { self.tokens = tokens }

    static func expression(of text: String) -> Result<RuleExpression, RuleError> {
        do throws(RuleError) {
            guard text.utf8.count <= PlacementRule.longest else {
                throw RuleError("it may have at most \(PlacementRule.longest) bytes")
            }
            var parser = RuleParser(try RuleToken.all(of: text))
            let expression = try parser.combination()
            guard parser.current.kind == .end else { throw parser.unexpected("&&, || or the end") }
            return .success(expression)
        } catch {
            return .failure(error)
        }
    }

    // MARK: logic

    private mutating func combination() throws(RuleError) -> RuleExpression {
        var parts = [try condition()]
        var joint: RuleToken.Symbol?
        while case .symbol(let symbol) = current.kind, symbol == .and || symbol == .or {
            guard joint == nil || joint == symbol else {
                throw RuleError(
                    at: current.position,
                    "&& and || in one row: put parentheses around what belongs together"
                )
            }
            joint = symbol
            index += 1
            parts.append(try condition())
        }
        switch joint {
        case .and: return .all(parts)
        case .or: return .any(parts)
        default: return parts[0]
        }
    }

    private mutating func condition() throws(RuleError) -> RuleExpression {
        if take(.open) { return try group() }
        if take(.not) {
            if take(.open) { return .not(try group()) }
            let position = current.position
            return .not(try checkedTruth(try operand(), at: position))
        }
        let position = current.position
        let left = try operand()
        guard case .symbol(.comparison(let comparison)) = current.kind else {
            return try checkedTruth(left, at: position)
        }
        index += 1
        return .comparison(comparison, left, try operand())
    }

    /// What follows an opening parenthesis, with the closing one.
    private mutating func group() throws(RuleError) -> RuleExpression {
        try descend()
        defer { depth -= 1 }
        let inner = try combination()
        guard take(.close) else { throw unexpected("&&, || or )") }
        return inner
    }

    /// What stands where true or false is wanted can come to one of them.
    private func checkedTruth(_ expression: RuleExpression, at position: Int) throws(RuleError) -> RuleExpression {
        switch expression {
        case .literal(.text), .literal(.number), .list:
            throw RuleError(at: position, "true or false is wanted here: compare it with something")
        default: return expression
        }
    }

    // MARK: values

    /// A value, or values added up.
    private mutating func operand() throws(RuleError) -> RuleExpression {
        var summands = [try term()]
        while true {
            if take(.plus) {
                summands.append(try term())
            } else if take(.minus) {
                summands.append(.call(.negate, [try term()]))
            } else {
                return summands.count == 1 ? summands[0] : .call(.add, summands)
            }
        }
    }

    private mutating func term() throws(RuleError) -> RuleExpression {
        let token = current
        switch token.kind {
        case .text(let text): return taken(.literal(.text(text)))
        case .number(let number): return taken(.literal(.number(number)))
        case .pointer(let keys): return taken(.fact(keys))
        case .word(let word):
            switch word.lowercased() {
            case "true": return taken(.literal(.truth(true)))
            case "false": return taken(.literal(.truth(false)))
            default: return try call(of: word)
            }
        case .symbol(.minus):
            index += 1
            guard case .number(let number) = current.kind else { throw unexpected("a number") }
            return taken(.literal(.number(-number)))
        case .symbol, .end:
            throw unexpected("a value: '/a/json/pointer', 'a text', a number, true, false or a function")
        }
    }

    private mutating func call(of name: String) throws(RuleError) -> RuleExpression {
        let position = current.position
        guard let function = RuleFunction(rawValue: name == "math.neg" ? "math.negate" : name) else {
            let known = RuleFunction.allCases.map(\.rawValue).joined(separator: ", ")
            throw RuleError(
                at: position,
                "\(name.prefix(40)) is not known; texts stand in quotes; functions are \(known)"
            )
        }
        index += 1
        guard take(.open) else { throw unexpected("( after \(name)") }
        let arguments = try elements(until: .close)
        guard function.arity.contains(arguments.count) else {
            let wanted = Set([function.arity.lowerBound, function.arity.upperBound]).sorted().map { "\($0)" }
                .joined(separator: " to ")
            throw RuleError(at: position, "\(name) takes \(wanted) arguments, not \(arguments.count)")
        }
        try check(arguments, of: function, at: position)
        return .call(function, arguments)
    }

    private func check(_ arguments: [RuleExpression], of function: RuleFunction, at position: Int) throws(RuleError) {
        for (index, argument) in arguments.enumerated() {
            switch (function, argument, index) {
            case (.pathExists, .fact, _), (.pointerExists, .fact, _): break
            case (.pathExists, _, _), (.pointerExists, _, _):
                throw RuleError(at: position, "\(function.rawValue) takes a JSON pointer, such as '/executorNodeId'")
            case (.isIn, .list, 1), (.isNotIn, .list, 1), (.isIn, .fact, 1), (.isNotIn, .fact, 1): break
            case (.isIn, _, 1), (.isNotIn, _, 1):
                throw RuleError(at: position, "\(function.rawValue) takes a list, such as ['r1', 'r2'], as its second")
            case (_, .list, _): throw RuleError(at: position, "\(function.rawValue) takes no list there")
            default: break
            }
        }
    }

    /// Values with commas between them, up to and with the closing symbol.
    private mutating func elements(until closing: RuleToken.Symbol) throws(RuleError) -> [RuleExpression] {
        try descend()
        defer { depth -= 1 }
        if take(closing) { return [] }
        var all: [RuleExpression] = []
        repeat {
            all.append(try take(.openList) ? .list(elements(until: .closeList)) : operand())
        } while take(.comma)
        guard take(closing) else { throw unexpected(closing == .close ? ", or )" : ", or ]") }
        return all
    }

    // MARK: steps

    private var current: RuleToken { tokens[index] }

    private mutating func take(_ symbol: RuleToken.Symbol) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    private mutating func taken(_ expression: RuleExpression) -> RuleExpression {
        index += 1
        return expression
    }

    private mutating func descend() throws(RuleError) {
        depth += 1
        guard depth <= Self.deepest else {
            throw RuleError(at: current.position, "parentheses and calls are nested deeper than \(Self.deepest) levels")
        }
    }

    private func unexpected(_ wanted: String) -> RuleError {
        RuleError(at: current.position, "\(current.kind == .end ? "the rule ends, but " : "")\(wanted) is wanted here")
    }
}
