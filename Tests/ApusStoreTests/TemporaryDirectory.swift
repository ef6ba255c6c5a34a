import ApusTestKit
import Foundation

/// A directory of a test's own, removed at the end of its scope.
struct TemporaryDirectory: ~Copyable {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    deinit { folder.remove() }

    var path: String { folder.path }

    /// The permissions of a file or directory inside.
    func permissions(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int
    }
}
