/// The contexts of a `~/.drove`, as Drove's own command line keeps them.
///
/// It is what Python's `configparser` takes: sections in brackets, keys before `=` or `:`, whole lines of comment that
/// begin with `#` or `;`, values that go on in lines indented deeper. `[DEFAULT]` may be a context itself, gives its
/// values to all others, and names the current one in `current_cluster`. `%%` in a value stands for `%`.
package struct ContextFile: Hashable, Sendable {
    package static let standardName = "DEFAULT"
    static let currentKey = "current_cluster"
    /// More than anybody writes by hand.
    package static let largestBytes = 1 << 20

    package struct Entry: Hashable, Sendable {
        /// In lower case.
        package var key: String
        /// As it stands there, in which `%%` is a percent sign.
        var written: String
        /// Where it stands, with the lines that it goes on in.
        var lines = 0..<0

        package init(_ key: String, _ value: String) {
            self.key = key
            written = value.replacing("%", with: "%%")
        }

        fileprivate init(_ key: String, written: String, at line: Int) {
            self.key = key
            self.written = written
            lines = line..<(line + 1)
        }

        package var value: String { written.replacing("%%", with: "%") }

        /// The value, or stars for what must not be shown.
        package var shown: String { ["password", "auth_header"].contains(key) ? "****" : value }
    }

    /// A context as it is used, with what `[DEFAULT]` gives it.
    package struct Context: Hashable, Sendable {
        package var name: String
        package var entries: [Entry]

        /// Of a key; `nil` if it is not there.
        package subscript(key: String) -> String? { entries.last { $0.key == key }?.value }
    }

    struct Section: Hashable, Sendable {
        var name: String
        var header: Int
        var entries: [Entry] = []
    }

    /// Each with the carriage return at its end, if it has one.
    var lines: [String]
    private(set) var sections: [Section] = []

    /// Reads it whole.
    ///
    /// - Throws: `ContextFault` with the number of the line that is wrong; never its content, which may be secret.
    package init(parsing text: String) throws(ContextFault) {
        // By bytes, in which a carriage return stays at its line's end.
        lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        try parse()
    }

    /// As it is written.
    package var text: String { lines.joined(separator: "\n") }

    /// Those with an endpoint, `[DEFAULT]` first.
    package var contexts: [Context] {
        let names = [Self.standardName] + sections.map(\.name).filter { $0 != Self.standardName }
        return names.map(context).filter { $0["endpoint"] != nil }
    }

    /// The one that is used unless another is named: `[DEFAULT]` if it has an endpoint and the file names none; `nil` if
    /// there is none.
    package var current: String? {
        chosen ?? (context(Self.standardName)["endpoint"] == nil ? nil : Self.standardName)
    }

    /// The current one as the file names it.
    var chosen: String? { defaults.last { $0.key == Self.currentKey }.map(\.value) }

    private func context(_ name: String) -> Context {
        let own = name == Self.standardName ? [] : sections.filter { $0.name == name }.flatMap(\.entries)
        let inherited = defaults.filter { entry in
            entry.key != Self.currentKey && !own.contains { $0.key == entry.key }
        }
        return Context(name: name, entries: inherited + own)
    }

    var defaults: [Entry] { sections.filter { $0.name == Self.standardName }.flatMap(\.entries) }

    // MARK: reading

    mutating func parse() throws(ContextFault) {
        sections = []
        var known: [String: Set<String>] = [:]
        var (indent, isInOption) = (0, false)
        for (index, line) in lines.enumerated() {
            let content = line.trimmed
            guard !content.isEmpty, !content.hasPrefix("#"), !content.hasPrefix(";") else { continue }
            let depth = line.prefix(while: \.isWhitespace).count
            if isInOption, depth > indent {
                goOn(content, index)
                continue
            }
            indent = depth
            if let name = Self.header(content) {
                guard name == Self.standardName || known[name] == nil else {
                    throw ContextFault("line \(index + 1): there is a context \(name) already")
                }
                known[name] = known[name] ?? []
                sections.append(Section(name: name, header: index))
                isInOption = false
            } else {
                try add(content, index, &known)
                isInOption = true
            }
        }
    }

    private static func header(_ content: Substring) -> String? {
        guard content.hasPrefix("["), let end = content.lastIndex(of: "]") else { return nil }
        let name = content[content.index(after: content.startIndex)..<end]
        return name.isEmpty ? nil : String(name)
    }

    /// `known` are the keys that each section has so far.
    private mutating func add(
        _ content: Substring,
        _ index: Int,
        _ known: inout [String: Set<String>]
    ) throws(ContextFault) {
        guard let name = sections.last?.name else {
            throw ContextFault("line \(index + 1) stands before the first context: begin with [DEFAULT] or [NAME]")
        }
        guard let mark = content.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
            throw ContextFault("line \(index + 1) has no value: write KEY = VALUE")
        }
        let key = String(content[..<mark].trimmed).lowercased()
        guard !key.isEmpty else { throw ContextFault("line \(index + 1) has no key: write KEY = VALUE") }
        guard known[name, default: []].insert(key).inserted else {
            throw ContextFault("line \(index + 1): \(name) has \(key) already")
        }
        let value = String(content[content.index(after: mark)...].trimmed)
        sections[sections.count - 1].entries.append(Entry(key, written: value, at: index))
    }

    private mutating func goOn(_ content: Substring, _ index: Int) {
        let section = sections.count - 1
        let entry = sections[section].entries.count - 1
        let first = sections[section].entries[entry].lines.lowerBound
        sections[section].entries[entry].written += "\n\(content)"
        sections[section].entries[entry].lines = first..<(index + 1)
    }
}

/// What is wrong with a file of contexts, or with a change of it.
package struct ContextFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

extension StringProtocol {
    /// Without white space at its ends.
    fileprivate var trimmed: SubSequence {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
