import Foundation

/// A directory of a test's own, removed at its end.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "apus-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        // try?: what is left behind in the temporary directory harms nobody.
        _ = try? FileManager.default.removeItem(atPath: path)
    }

    /// The permissions of a file or directory inside.
    func permissions(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int
    }
}
