import ApusModel

/// `~/.drove`, in which Drove's command line keeps how to reach its clusters; read as it reads it (0.0.14), which is as
/// Python's `configparser` does.
///
/// A section is a cluster. What is in `[DEFAULT]` holds in all others too, and its `current_cluster` names the one that
/// is meant when none is named.
package struct DroveFile: Sendable {
    /// What cannot be read, and where; for people, never with a password.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String

        package init(_ description: String) { self.description = description }
    }

    /// How one cluster is reached.
    package struct Cluster: Sendable {
        package var name: String
        package var endpoint: String?
        package var credentials: Credentials?
        /// Any certificate is taken.
        package var isInsecure: Bool
    }

    private static let common = "DEFAULT"
    /// Of values that name others, which may name others.
    private static let deepest = 10
    /// So many names of others are followed for one value: names within names may stand for any number.
    private static let mostNames = 1000
    /// Of a value with all that it names, in bytes.
    private static let longestValue = 1 << 16

    private typealias Section = [String: String]
    private var sections: [String: Section] = [common: [:]]

    /// - Throws: `Fault` if it has not the form.
    package init(_ text: String) throws(Fault) {
        var lines = Lines()
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            try lines.take(String(line), number: index + 1, into: &sections)
        }
        for (name, section) in sections { sections[name] = section.mapValues(Self.withoutEnd) }
    }

    /// The names of the clusters, in order; `DEFAULT` if it is one.
    package var names: [String] {
        sections.filter { $0.key != Self.common || $0.value["endpoint"] != nil }.keys.sorted()
    }

    /// The cluster of that name, or else the current one; `nil` if none is named and none is current.
    ///
    /// - Throws: `Fault` if there is none of the name, or a value of it cannot be.
    package func cluster(_ named: String? = nil) throws(Fault) -> Cluster? {
        let current = named == nil ? try value("current_cluster", of: sections[Self.common] ?? [:]) : nil
        let name = named ?? current ?? Self.common
        guard let section = sections[name] else {
            let known = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw Fault(
                "it has no cluster \(name)\(named == nil ? ", its current one" : ""); it has \(known)"
            )
        }
        let all = (sections[Self.common] ?? [:]).merging(section) { $1 }
        let endpoint = try value("endpoint", of: all)
        if named == nil, current == nil, endpoint == nil { return nil }
        let (username, password) = (try value("username", of: all), try value("password", of: all))
        let header = try value("auth_header", of: all)
        var credentials = header.map { Credentials.header($0) }
        if let username, let password { credentials = .basic(username: username, password: password) }
        return Cluster(
            name: name,
            endpoint: endpoint,
            credentials: credentials,
            isInsecure: try flag("insecure", of: all)
        )
    }

    private func flag(_ key: String, of section: Section) throws(Fault) -> Bool {
        switch try value(key, of: section)?.lowercased() {
        case "1", "yes", "true", "on": true
        case nil, "0", "no", "false", "off": false
        default: throw Fault("\(key) must be true or false")
        }
    }

    private func value(_ key: String, of section: Section) throws(Fault) -> String? {
        var left = Self.mostNames
        return try value(key, of: section, depth: 1, left: &left)
    }

    /// With what its `%(name)s` stand for; `%%` is a percent sign.
    private func value(
        _ key: String,
        of section: Section,
        depth: Int,
        left: inout Int
    ) throws(Fault) -> String? {
        guard let text = section[key] else { return nil }
        guard !text.contains("\n") else { throw Fault("\(key) must be on one line") }
        var (value, rest) = ("", Substring(text))
        while let percent = rest.firstIndex(of: "%") {
            value += rest[..<percent]
            rest = rest[percent...].dropFirst()
            if rest.hasPrefix("%") {
                value += "%"
                rest.removeFirst()
            } else if rest.hasPrefix("("), let end = rest.firstIndex(of: ")"), rest[end...].hasPrefix(")s") {
                let name = rest[..<end].dropFirst().lowercased()
                left -= 1
                guard left > 0 else { throw Fault("\(key) names more than \(Self.mostNames) others") }
                guard depth < Self.deepest,
                    let other = try self.value(name, of: section, depth: depth + 1, left: &left)
                else { throw Fault("\(key) names \(name), which stands for nothing") }
                value += other
                guard value.utf8.count <= Self.longestValue else {
                    throw Fault("\(key) is longer than \(Self.longestValue) bytes with all that it names")
                }
                rest = rest[end...].dropFirst(2)
            } else {
                throw Fault("a percent sign in \(key) must be written as %%")
            }
        }
        return value + rest
    }

    /// Empty lines at the end of a value are none of it.
    private static func withoutEnd(_ text: String) -> String {
        String(text.reversed().drop(while: \.isWhitespace).reversed())
    }
}

/// The lines of such a file, one after the other.
private struct Lines {
    private var section: String?
    private var key: String?
    /// Of the line that the key stands on: what is further in goes on with its value.
    private var indent = 0

    mutating func take(
        _ line: String,
        number: Int,
        into sections: inout [String: [String: String]]
    ) throws(DroveFile.Fault) {
        let indented = line.drop(while: \.isWhitespace)
        let text = String(indented.reversed().drop(while: \.isWhitespace).reversed())
        guard let first = text.first, first != "#", first != ";" else {
            if text.isEmpty, let section, let key { sections[section]?[key]?.append("\n") }
            return
        }
        let depth = line.count - indented.count
        if let section, let key, depth > indent {
            sections[section]?[key]?.append("\n\(text)")
            return
        }
        indent = depth
        if text.hasPrefix("["), let end = text.lastIndex(of: "]"), text.index(after: text.startIndex) < end {
            try begin(String(text[..<end].dropFirst()), number, &sections)
        } else {
            try set(text, number, &sections)
        }
    }

    private mutating func begin(
        _ name: String,
        _ number: Int,
        _ sections: inout [String: [String: String]]
    ) throws(DroveFile.Fault) {
        guard name == "DEFAULT" || sections[name] == nil else {
            throw DroveFile.Fault("line \(number) begins \(name) for the second time")
        }
        section = name
        key = nil
        if sections[name] == nil { sections[name] = [:] }
    }

    private mutating func set(
        _ text: String,
        _ number: Int,
        _ sections: inout [String: [String: String]]
    ) throws(DroveFile.Fault) {
        guard let section else {
            throw DroveFile.Fault("line \(number) stands before the first [cluster]")
        }
        guard let sign = text.firstIndex(where: { $0 == "=" || $0 == ":" }), sign > text.startIndex else {
            throw DroveFile.Fault("line \(number) is neither [cluster] nor key = value")
        }
        let name = String(text[..<sign].reversed().drop(while: \.isWhitespace).reversed()).lowercased()
        guard sections[section]?[name] == nil else {
            throw DroveFile.Fault("line \(number) says \(name) of \(section) for the second time")
        }
        key = name
        sections[section]?[name] = String(text[sign...].dropFirst().drop(while: \.isWhitespace))
    }
}
