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
            while lines.last == "" { lines.removeLast() }
            if !lines.isEmpty { lines.append("") }
            lines += ["[\(name)]"] + entries.map(Self.line) + [""]
            try parse()
        }
        if isFirst, current == nil { try use(name) }
    }

    /// Removes a context; one that was the current one is that no more.
    ///
    /// - Throws: `ContextFault` if there is none of that name.
    package mutating func remove(_ name: String) throws(ContextFault) {
        guard name != Self.standardName else {
            throw ContextFault("\(name) gives its values to all other contexts: change the file by hand")
        }
        guard let index = sections.firstIndex(where: { $0.name == name }) else {
            throw ContextFault("no context is called \(name)")
        }
        let wasCurrent = current == name
        var end = index + 1 < sections.count ? sections[index + 1].header : lines.count
        // What is said right above the next context is about that one.
        while end < lines.count, end > sections[index].header + 1, lines[end - 1].first == "#" { end -= 1 }
        lines.removeSubrange(sections[index].header..<end)
        try parse()
        guard wasCurrent, let entry = currentEntry else { return }
        lines.removeSubrange(entry.lines)
        try parse()
    }

    private var currentEntry: Entry? {
        sections.filter { $0.name == Self.standardName }.flatMap(\.entries).last { $0.key == Self.currentKey }
    }

    /// Sets a value of `[DEFAULT]`.
    private mutating func put(_ entry: Entry) throws(ContextFault) {
        let defaults = sections.filter { $0.name == Self.standardName }
        if let former = defaults.flatMap(\.entries).last(where: { $0.key == entry.key }) {
            lines.replaceSubrange(former.lines, with: [Self.line(entry)])
        } else if let section = defaults.last {
            let end = section.entries.last?.lines.upperBound ?? section.header + 1
            lines.insert(Self.line(entry), at: end)
        } else {
            lines.insert(contentsOf: ["[\(Self.standardName)]", Self.line(entry), ""], at: 0)
        }
        try parse()
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
