import ApusExecutor
import ApusTestKit
import Dispatch
import Foundation
import Testing

/// A directory of a test's own, removed at its end.
final class Scratch: Sendable {
    private let folder: TemporaryFolder
    var path: String { folder.path }

    init() throws { folder = try TemporaryFolder() }

    func directory() throws -> NodeDirectory { try NodeDirectory(at: "\(path)/node") }

    func bytes(_ name: String = "journal") throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(path)/node/\(name)")))
    }

    func put(_ bytes: some Sequence<UInt8>, in name: String = "journal") throws {
        try Data(bytes).write(to: URL(filePath: "\(path)/node/\(name)"))
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "\(path)/node").sorted() }
    }
}
