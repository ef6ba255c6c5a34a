/// The words of a rule in HOPE, each with where it begins.
struct RuleToken: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case text(String)
        /// The keys of a JSON pointer.
        case pointer([String])
        case number(Double)
        /// `true`, `str.len`.
        case word(String)
        case symbol(Symbol)
        case end
    }
    enum Symbol: Hashable, Sendable {
        case open, close, openList, closeList, comma
        case and, or, not
        case plus, minus
        case comparison(RuleExpression.Comparison)
    }

    var kind: Kind
    /// From 1, in Unicode scalars.
    var position: Int

    /// All words of a rule, and the end behind them.
    static func all(of text: String) throws(RuleError) -> [RuleToken] {
        var reader = RuleTokenReader(text)
        var tokens: [RuleToken] = []
        repeat { tokens.append(try reader.next()) } while tokens.last?.kind != .end
        return tokens
    }
}

private struct RuleTokenReader {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    mutating func next() throws(RuleError) -> RuleToken {
        while let scalar = current, scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" { index += 1 }
        let start = index
        guard let scalar = current else { return RuleToken(kind: .end, position: start + 1) }
        let kind: RuleToken.Kind =
            switch scalar {
            case "'", "\"": try quoted(by: scalar)
            case "0"..."9", ".": try number()
            case "a"..."z", "A"..."Z": .word(taken { $0.isLetterOrDigit || $0 == "_" || $0 == "." })
            default: .symbol(try symbol())
            }
        return RuleToken(kind: kind, position: start + 1)
    }

    private mutating func taken(while holds: (Unicode.Scalar) -> Bool) -> String {
        var text = String.UnicodeScalarView()
        while let scalar = current, holds(scalar) {
            text.append(scalar)
            index += 1
        }
        return String(text)
    }

    private mutating func number() throws(RuleError) -> RuleToken.Kind {
        let start = index
        let text = taken { $0.isDigit || $0 == "." }
        // HOPE takes `.5` and `5.` too.
        let full = (text.hasPrefix(".") ? "0" : "") + text + (text.hasSuffix(".") ? "0" : "")
        guard text != ".", let number = Double(full), number.isFinite else {
            throw RuleError(at: start + 1, "\(text.prefix(40)) is no number")
        }
        return .number(number)
    }

    /// As in HOPE, what begins with `/` in quotes is a JSON pointer, and anything else a text.
    private mutating func quoted(by quote: Unicode.Scalar) throws(RuleError) -> RuleToken.Kind {
        let start = index
        index += 1
        var text = String.UnicodeScalarView()
        while let scalar = current, scalar != quote {
            index += 1
            text.append(scalar == "\\" ? try escaped() : scalar)
        }
        guard current != nil else { throw RuleError(at: start + 1, "this quotation does not end") }
        index += 1
        let content = String(text)
        if content.hasPrefix("$") {
            throw RuleError(
                at: start + 1,
                "JSON paths (\(content.prefix(40))) are not supported: write a JSON pointer, such as '/executorNodeId'"
            )
        }
        return content.hasPrefix("/") ? .pointer(try keys(of: content, at: start + 1)) : .text(content)
    }

    private mutating func escaped() throws(RuleError) -> Unicode.Scalar {
        guard let scalar = current else { throw RuleError(at: index, "this quotation does not end") }
        index += 1
        switch scalar {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "\\", "'", "\"": return scalar
        default: throw RuleError(at: index - 1, "\\\(scalar) stands for nothing; known are \\n \\t \\r \\\\ \\' \\\"")
        }
    }

    private func keys(of pointer: String, at position: Int) throws(RuleError) -> [String] {
        var keys: [String] = []
        for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            var key = ""
            var rest = part[...]
            while let character = rest.popFirst() {
                guard character == "~" else {
                    key.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "0": key.append("~")
                case "1": key.append("/")
                default: throw RuleError(at: position, "in a JSON pointer ~ is followed by 0 (for ~) or 1 (for /)")
                }
            }
            keys.append(key)
        }
        return keys
    }

    private mutating func symbol() throws(RuleError) -> RuleToken.Symbol {
        let start = index
        let scalar = scalars[index]
        let follower = index + 1 < scalars.count ? scalars[index + 1] : nil
        /// One more of it makes no difference to what it means.
        func takeDoubled() { index += follower == scalar ? 2 : 1 }
        switch scalar {
        case "&", "|": takeDoubled()
        case "!" where follower == "=", "=" where follower == "=", "<" where follower == "=", ">" where follower == "=":
            index += 2
        default: index += 1
        }
        let text = String(String.UnicodeScalarView(scalars[start..<index]))
        if let comparison = RuleExpression.Comparison(rawValue: text) { return .comparison(comparison) }
        switch scalar {
        case "(": return .open
        case ")": return .close
        case "[": return .openList
        case "]": return .closeList
        case ",": return .comma
        case "&": return .and
        case "|": return .or
        case "!", "^": return .not
        case "+": return .plus
        case "-": return .minus
        default: throw RuleError(at: start + 1, "\(text) means nothing here")
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
    fileprivate var isLetterOrDigit: Bool { isDigit || ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
}
