import Foundation

/// The folders `Tests/Golden/<issue>/state`, what earlier versions left, oldest first, as seen from a file of a test
/// target; that there are none to be read ends the tests.
package func goldenStates(from file: String = #filePath) -> [String] {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    let golden = tests.appendingPathComponent("Golden").path
    let issues: [String]
    do {
        issues = try FileManager.default.contentsOfDirectory(atPath: golden)
    } catch {
        preconditionFailure("\(golden) cannot be read: \(error)")
    }
    let states = issues.sorted().map { "\(golden)/\($0)/state" }
        .filter { FileManager.default.fileExists(atPath: $0) }
    precondition(!states.isEmpty, "\(golden) holds no state")
    return states
}
