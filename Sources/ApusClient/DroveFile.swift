import ApusModel

/// `~/.drove`, in which Drove's command line keeps how to reach its clusters; read as it reads it (0.0.14), with the values
/// that name others.
///
/// A section is a cluster. What is in `[DEFAULT]` holds in all others too, and its `current_cluster` names the one that
/// is meant when none is named.
package struct DroveFile: Sendable {
    /// How one cluster is reached.
    package struct Cluster: Sendable {
        package var name: String
        package var endpoint: String?
        package var credentials: Credentials?
        /// Any certificate is taken.
        package var isInsecure: Bool
    }

    private static let common = ContextFile.standardName
    /// Of values that name others, which may name others.
    private static let deepest = 10
    /// So many names of others are followed for one value: names within names may stand for any number.
    private static let mostNames = 1000
    /// Of a value with all that it names, in bytes.
    private static let longestValue = 1 << 16

    private typealias Section = [String: String]
    private var sections: [String: Section] = [common: [:]]

    /// - Throws: `ContextFault` if it has not the form.
    package init(_ text: String) throws(ContextFault) {
        for section in try ContextFile(parsing: text).sections {
            sections[section.name, default: [:]].merge(section.entries.map { ($0.key, $0.written) }) { $1 }
        }
    }

    /// The names of the clusters, in order; `DEFAULT` if it is one.
    package var names: [String] {
        sections.filter { $0.key != Self.common || $0.value["endpoint"] != nil }.keys.sorted()
    }

    /// The cluster of that name, or else the current one; `nil` if none is named and none is current.
    ///
    /// - Throws: `ContextFault` if there is none of the name, or a value of it cannot be.
    package func cluster(_ named: String? = nil) throws(ContextFault) -> Cluster? {
        let current = named == nil ? try value("current_cluster", of: sections[Self.common] ?? [:]) : nil
        let name = named ?? current ?? Self.common
        guard let section = sections[name] else {
            let known = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw ContextFault(
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

    private func flag(_ key: String, of section: Section) throws(ContextFault) -> Bool {
        switch try value(key, of: section)?.lowercased() {
        case "1", "yes", "true", "on": true
        case nil, "0", "no", "false", "off": false
        default: throw ContextFault("\(key) must be true or false")
        }
    }

    private func value(_ key: String, of section: Section) throws(ContextFault) -> String? {
        var left = Self.mostNames
        return try value(key, of: section, depth: 1, left: &left)
    }

    /// With what its `%(name)s` stand for; `%%` is a percent sign.
    private func value(
        _ key: String,
        of section: Section,
        depth: Int,
        left: inout Int
    ) throws(ContextFault) -> String? {
        guard let text = section[key] else { return nil }
        guard !text.contains("\n") else { throw ContextFault("\(key) must be on one line") }
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
                guard left > 0 else { throw ContextFault("\(key) names more than \(Self.mostNames) others") }
                guard depth < Self.deepest,
                    let other = try self.value(name, of: section, depth: depth + 1, left: &left)
                else { throw ContextFault("\(key) names \(name), which stands for nothing") }
                value += other
                guard value.utf8.count <= Self.longestValue else {
                    throw ContextFault("\(key) is longer than \(Self.longestValue) bytes with all that it names")
                }
                rest = rest[end...].dropFirst(2)
            } else {
                throw ContextFault("a percent sign in \(key) must be written as %%")
            }
        }
        return value + rest
    }
}
