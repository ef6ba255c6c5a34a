import Foundation

/// A page of the documentation as somebody follows it: blocks of commands, and what they show.
///
/// Commands stand one a line in a fenced block of the kind `sh`; a comment `# ends with 3` behind one is its exit code, which
/// is 0 otherwise. What they show may stand right behind them in a fenced block of the kind `text`. Nothing else on the
/// page may look like code.
struct Guide {
    struct Command {
        /// Where on the page it stands.
        var line: Int
        var text: String
        var code: Int32
    }

    struct Block {
        var commands: [Command]
        /// Lines that come in this order, others perhaps between them; `…` stands for anything.
        var shown: [String] = []
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String

        fileprivate init(_ line: Line, _ text: String) { description = "line \(line.number): \(text)" }
    }

    fileprivate struct Line {
        var number: Int
        var text: String
    }

    private(set) var blocks: [Block] = []

    /// A page of `docs`.
    init(page: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try self.init(String(contentsOf: root.appendingPathComponent("docs/\(page)"), encoding: .utf8))
    }

    /// - Throws: `Fault` at what nobody could run or compare.
    init(_ text: String) throws {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        var rest = lines.map { Line(number: $0.offset + 1, text: String($0.element)) }[...]
        var isBehindCommands = false
        while let line = rest.popFirst() {
            switch line.text {
            case "":
                break
            case "```sh":
                blocks.append(Block(commands: try Self.body(of: line, &rest).map(Self.command)))
                isBehindCommands = true
            case "```text":
                guard isBehindCommands else { throw Fault(line, "no commands stand right before what is shown") }
                blocks[blocks.count - 1].shown = try Self.body(of: line, &rest).map(\.text)
                isBehindCommands = false
            default:
                guard !line.looksLikeCode else {
                    throw Fault(line, "only fenced blocks of the kinds sh and text can be followed: \(line.text)")
                }
                isBehindCommands = false
            }
        }
    }

    private static func body(of fence: Line, _ rest: inout ArraySlice<Line>) throws -> ArraySlice<Line> {
        guard let end = rest.firstIndex(where: { $0.text == "```" }) else { throw Fault(fence, "the block has no end") }
        let body = rest[..<end]
        rest = rest[(end + 1)...]
        guard !body.isEmpty else { throw Fault(fence, "the block is empty") }
        return body
    }

    private static func command(_ line: Line) throws -> Command {
        guard !line.text.isEmpty, !line.text.hasSuffix("\\") else {
            throw Fault(line, "each line of a block is a whole command")
        }
        let parts = line.text.components(separatedBy: "# ends with ")
        guard parts.count > 1 else { return Command(line: line.number, text: line.text, code: 0) }
        guard parts.count == 2, let code = Int32(parts[1]) else { throw Fault(line, "which exit code is that?") }
        return Command(line: line.number, text: parts[0].trimmingCharacters(in: .whitespaces), code: code)
    }

    // MARK: what is shown

    /// The first of these lines that the output does not have behind those before it; `nil` if it has them all.
    ///
    /// Columns may be of any width.
    static func missing(of shown: [String], in output: String) -> String? {
        var rest = output.split(separator: "\n").map { words($0) }[...]
        for line in shown {
            let pattern = words(line[...])
            guard let place = rest.firstIndex(where: { matches($0, pattern) }) else { return line }
            rest = rest[(place + 1)...]
        }
        return nil
    }

    private static func words(_ line: Substring) -> String {
        line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static func matches(_ line: String, _ pattern: String) -> Bool {
        let parts = pattern.components(separatedBy: "…")
        guard let first = parts.first, let last = parts.last, parts.count > 1 else { return line == pattern }
        guard line.count >= first.count + last.count, line.hasPrefix(first), line.hasSuffix(last) else { return false }
        var rest = line.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let place = rest.range(of: part) else { return false }
            rest = rest[place.upperBound...]
        }
        return true
    }
}

extension Guide.Line {
    /// A fence of another kind, or an indented block.
    fileprivate var looksLikeCode: Bool {
        let text = text.drop { $0 == " " }
        return text.hasPrefix("```") || text.hasPrefix("~~~") || self.text.hasPrefix("    ")
            || self.text.hasPrefix("\t")
    }
}
