/// Changes that leave all other lines, comments among them, as they are.
extension ContextFile {
    private static let longest = 4096

    /// Makes a context the current one.
    ///
    /// - Throws: `ContextFault` if there is none of that name.
    package mutating func use(_ name: String) throws(ContextFault) {
        let names = contexts.map(\.name)
        guard names.contains(name) else {
            let known = names.isEmpty ? "there is none" : "known are \(names.joined(separator: ", "))"
            throw ContextFault("no context is called \(name): \(known)")
        }
        try put(Entry(Self.currentKey, name))
    }

    /// Adds a context; the first one becomes the current one.
    ///
    /// - Throws: `ContextFault` if there is one of that name, or a value cannot be written on one line.
    package mutating func add(_ name: String, _ entries: [Entry]) throws(ContextFault) {
        try Self.check(name, entries)
        let isFirst = contexts.isEmpty
        if name == Self.standardName {
            guard !contexts.contains(where: { $0.name == name }) else {
                throw ContextFault("there is a context \(name) already")
            }
            for entry in entries { try put(entry) }
        } else {
            guard !sections.contains(where: { $0.name == name }) else {
                throw ContextFault("there is a context \(name) already")
            }
            var changed = lines
            while ["", "\r"].contains(changed.last) { changed.removeLast() }
            let added = (changed.isEmpty ? [] : [""]) + ["[\(name)]"] + entries.map(Self.line) + [""]
            insert(added, at: changed.count, of: &changed)
            var wanted = values
            wanted[name] = Dictionary(entries.map { ($0.key, $0.value) }) { $1 }
            try become(changed, holding: wanted)
        }
        if isFirst, chosen == nil { try use(name) }
    }

    /// Removes a context; one that the file names as the current one is that no more.
    ///
    /// - Throws: `ContextFault` if there is none of that name.
    package mutating func remove(_ name: String) throws(ContextFault) {
        guard name != Self.standardName else {
            throw ContextFault("\(name) gives its values to all other contexts: change the file by hand")
        }
        guard let index = sections.firstIndex(where: { $0.name == name }) else {
            throw ContextFault("no context is called \(name)")
        }
        var end = index + 1 < sections.count ? sections[index + 1].header : lines.count
        // What is said right above the next context is about that one.
        while end < lines.count, end > sections[index].header + 1, lines[end - 1].first == "#" { end -= 1 }
        var (changed, wanted) = (lines, values)
        changed.removeSubrange(sections[index].header..<end)
        wanted[name] = nil
        try become(changed, holding: wanted)
        guard chosen == name, let entry = defaults.last(where: { $0.key == Self.currentKey }) else { return }
        (changed, wanted) = (lines, values)
        changed.removeSubrange(entry.lines)
        wanted[Self.standardName]?[Self.currentKey] = nil
        try become(changed, holding: wanted)
    }

    /// Sets a value of `[DEFAULT]`.
    private mutating func put(_ entry: Entry) throws(ContextFault) {
        var (changed, wanted) = (lines, values)
        if let former = defaults.last(where: { $0.key == entry.key }) {
            let end = Self.returned(lines[former.lines.upperBound - 1])
            let line = indent(of: former.lines.lowerBound) + Self.line(entry) + end
            changed.replaceSubrange(former.lines, with: [line])
        } else if let index = sections.lastIndex(where: { $0.name == Self.standardName }) {
            let last = sections[index].entries.last?.lines
            // Lines that stand deeper than an entry before them would go on with its value.
            let depth = last.map { indent(of: $0.lowerBound) } ?? indentOfHeader(index + 1)
            insert([depth + Self.line(entry)], at: last?.upperBound ?? sections[index].header + 1, of: &changed)
        } else {
            insert(["[\(Self.standardName)]", indentOfHeader(0) + Self.line(entry), ""], at: 0, of: &changed)
        }
        wanted[Self.standardName, default: [:]][entry.key] = entry.value
        try become(changed, holding: wanted)
    }

    // MARK: lines

    private typealias Values = [String: [String: String]]

    /// What all sections say.
    private var values: Values {
        sections.reduce(into: [:]) { values, section in
            values[section.name, default: [:]].merge(section.entries.map { ($0.key, $0.value) }) { $1 }
        }
    }

    /// Takes these lines in place of its own, if they say what is wanted and nothing else.
    private mutating func become(_ lines: [String], holding wanted: Values) throws(ContextFault) {
        var changed = self
        changed.lines = lines
        // The last line has no end.
        if let last = lines.last, last.hasSuffix("\r") { changed.lines[lines.count - 1].removeLast() }
        try changed.parse()
        guard changed.values == wanted else {
            throw ContextFault("its lines are indented so that the change would alter others: change it by hand")
        }
        self = changed
    }

    /// Puts new lines before that one, with the ends that the file's lines have.
    private func insert(_ new: [String], at index: Int, of lines: inout [String]) {
        let end = lines.first.map(Self.returned) ?? ""
        if index > 0, index == lines.count, !lines[index - 1].hasSuffix(end) { lines[index - 1] += end }
        lines.insert(contentsOf: new.map { $0 + end }, at: index)
    }

    private static func returned(_ line: String) -> String { line.hasSuffix("\r") ? "\r" : "" }

    private func indent(of line: Int) -> String { String(lines[line].prefix(while: \.isWhitespace)) }

    /// Of that section's first line; none if there is no such section.
    private func indentOfHeader(_ section: Int) -> String {
        section < sections.count ? indent(of: sections[section].header) : ""
    }

    private static func line(_ entry: Entry) -> String {
        "\(entry.key) = \(entry.value.replacing("%", with: "%%"))"
    }

    private static func check(_ name: String, _ entries: [Entry]) throws(ContextFault) {
        guard (1...255).contains(name.utf8.count), isOneLine(name), !name.contains("["), !name.contains("]") else {
            throw ContextFault("a context's name is one line of at most 255 bytes without brackets")
        }
        for entry in entries where !isOneLine(entry.value) || entry.value.utf8.count > longest {
            throw ContextFault("\(entry.key) must be one line of at most \(longest) bytes, without spaces at its ends")
        }
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 32 } && text.first?.isWhitespace == false
            && text.last?.isWhitespace == false
    }
}
