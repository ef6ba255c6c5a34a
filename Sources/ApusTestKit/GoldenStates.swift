package import ApusModel
import Foundation

/// Whether tests write golden files anew in place of reading them: with `APUS_RECORD_GOLDEN=1`.
///
/// Read them before they are committed.
package let isRecordingGolden = ProcessInfo.processInfo.environment["APUS_RECORD_GOLDEN"] == "1"

/// Where a file or folder under `Tests/Golden` is, as seen from a file of a test target.
package func goldenPath(_ path: String, from file: String = #filePath) -> String {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    return tests.appendingPathComponent("Golden").path + "/\(path)"
}

/// A message that an earlier version wrote, `7/messages/ping` say; the one of `today` is written there first if golden
/// files are recorded.
package func goldenMessage(_ path: String, today: JSON? = nil, from file: String = #filePath) throws -> JSON {
    let place = goldenPath("\(path).json", from: file)
    if isRecordingGolden, let today {
        let folder = URL(fileURLWithPath: place).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try "\(today.serialized)\n".write(toFile: place, atomically: true, encoding: .utf8)
    }
    guard let bytes = FileManager.default.contents(atPath: place) else {
        throw Unfulfilled("\(place) is missing: record it with APUS_RECORD_GOLDEN=1, read it and commit it")
    }
    return try JSON(parsing: bytes)
}

/// The folders `Tests/Golden/<issue>/state`, what earlier versions left, oldest first, as seen from a file of a test
/// target; that there are none to be read ends the tests.
package func goldenStates(from file: String = #filePath) -> [String] {
    let golden = goldenPath("", from: file)
    let issues: [String]
    do {
        issues = try FileManager.default.contentsOfDirectory(atPath: golden)
    } catch {
        preconditionFailure("\(golden) cannot be read: \(error)")
    }
    let states = issues.sorted().map { "\(golden)\($0)/state" }
        .filter { FileManager.default.fileExists(atPath: $0) }
    precondition(!states.isEmpty, "\(golden) holds no state")
    return states
}
