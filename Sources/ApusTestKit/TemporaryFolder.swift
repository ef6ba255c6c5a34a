import Foundation

/// A folder of a test's own, which goes with `remove`, at the latest with its last reference, whatever came of the test.
///
/// Those of a run are in one, which goes at the run's end, or at the beginning of the next if that one is killed.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        path = "\(try RunFolder.path.get())/\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { remove() }

    package func remove() {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            // It is gone, or it goes with the run.
        }
    }
}

/// What all folders of a run are in: locked for as long as the run lasts.
private enum RunFolder {
    private static let prefix = "apus-tests-"
    private static let mostTries = 100

    static let path = Result { try make() }

    private static func make() throws -> String {
        let parent = FileManager.default.temporaryDirectory.path
        let names = try FileManager.default.contentsOfDirectory(atPath: parent)
        for name in names where name.hasPrefix(prefix) { removeIfLeft("\(parent)/\(name)") }
        for _ in 0..<mostTries {
            let path = "\(parent)/\(prefix)\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            guard isLocked(path) else { continue }
            atexit { RunFolder.clear() }
            return path
        }
        throw Unfulfilled("no folder in \(parent) can be locked for this run")
    }

    /// By this process, until it ends; children do not inherit that.
    private static func isLocked(_ path: String) -> Bool {
        let descriptor = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        // Whoever came between took it for one that was left, and has removed it.
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0, FileManager.default.fileExists(atPath: "\(path)/lock") {
            return true
        }
        close(descriptor)
        return false
    }

    /// Its run was killed: nobody holds its lock any more.
    private static func removeIfLeft(_ path: String) {
        let descriptor = open("\(path)/lock", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(path) }
    }

    private static func clear() {
        if case .success(let path) = path { remove(path) }
    }

    private static func remove(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            // It is somebody else's, or another run was faster.
        }
    }
}
