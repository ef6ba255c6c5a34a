package import ApusClient
package import ApusModel

/// Who may become a member: executors by the names of their hosts, or by host and port.
///
/// A name is an executor's own word: what keeps strangers out is the secret of the nodes.
package struct JoinList: Hashable, Sendable {
    private static let longestName = 255
    private static let most = 10_000

    private let names: Set<String>

    /// Reads a file with one name a line, which nobody but its owner may write; blocks.
    ///
    /// What follows a # says nothing.
    ///
    /// - Throws: `SmallFile.Trouble` with what is wrong with it, for people.
    package init(file path: String) throws(SmallFile.Trouble) {
        let text = String(decoding: try SmallFile.existing(path, .ownersToWrite).bytes, as: UTF8.self)
        var names: Set<String> = []
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let name = words.first else { continue }
            guard words.count == 1, name.utf8.count <= Self.longestName else {
                throw SmallFile.Trouble("\(path), line \(number + 1) is not the name of a host, or HOST:PORT")
            }
            names.insert(name.lowercased())
        }
        guard names.count <= Self.most else {
            throw SmallFile.Trouble("\(path) has more than \(Self.most) names")
        }
        self.names = names
    }

    /// Whether that executor is on it.
    package func has(_ identity: NodeIdentity) -> Bool {
        let host = identity.hostname.lowercased()
        return [host, "\(host):\(identity.port)", "[\(host)]:\(identity.port)"].contains(where: names.contains)
    }
}
