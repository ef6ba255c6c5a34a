import ApusModel
import ApusStore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which cluster a state directory belongs to: written down once, and for good.
///
/// Containers carry the id in a label, so another one would make strangers of them.
struct ClusterMembership {
    private static let file = "cluster"

    let directory: StateDirectory

    /// The cluster written down; `nil` in a new directory.
    func known() throws -> ClusterID? {
        guard let bytes = try directory.file(named: Self.file) else { return nil }
        guard let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first else {
            throw CommandFailure(
                .other,
                "\(directory.path)/\(Self.file) is empty: put the cluster's id back, which its containers carry"
            )
        }
        return ClusterID(String(text))
    }

    /// Writes the cluster down in a new directory.
    func settle(_ cluster: ClusterID) throws {
        try directory.replace(named: Self.file, with: Array("\(cluster)\n".utf8))
    }

    /// What is said of a store whose cluster nobody knows.
    static func missing(in directory: StateDirectory) -> String {
        "\(directory.path) holds a store, and the file \(file) is missing, which names its cluster. If an import did not come "
            + "to its end, do it again with `apus store import --replace`; else put the cluster's id back into the file"
    }

    /// The cluster written down, or a new one: what a controller begins with.
    func knownOrFounded() throws -> ClusterID {
        if let known = try known() { return known }
        // Of a store without it an import has not come to its end; a new id would make strangers of all executors.
        guard !directory.holds(SQLiteStore.fileName) else { throw CommandFailure(.other, Self.missing(in: directory)) }
        let id = ClusterID(UUID().uuidString.lowercased())
        try settle(id)
        return id
    }
}

extension ClusterID {
    /// Whether it can be told apart in files, labels and logs: up to 64 letters, digits, dots, hyphens and underscores.
    var isPlain: Bool {
        (1...64).contains(rawValue.utf8.count)
            && rawValue.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }
}
