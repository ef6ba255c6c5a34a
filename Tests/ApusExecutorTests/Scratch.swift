import ApusExecutor
import Dispatch
import Foundation
import Testing

/// A directory of a test's own, removed at its end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "apus-executor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            // What is left behind in the temporary directory harms nobody.
        }
    }

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
