import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// What commands print with `--json`, held against the files under `Tests/Golden/6/cli`.
///
/// With `APUS_RECORD_GOLDEN=1` those are written anew instead: read them before they are committed.
final class GoldenCommands: Sendable {
    /// Numbers that depend on how much else was written meanwhile, by their keys; they stand as 0.
    private static let volatile = ["sequence", "last"]

    /// A folder with what commands are given.
    let folder: TemporaryFolder
    private let checked = Mutex<Set<String>>([])

    init() throws { folder = try TemporaryFolder() }

    /// The commands that were looked at, as `apus apps list`.
    var names: Set<String> { checked.withLock(\.self) }

    /// Writes a file that only its owner may read.
    ///
    /// - Returns: its path.
    func file(_ name: String, _ text: String) throws -> String {
        let path = "\(folder.path)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    /// What is recorded of a command, `apps-list` say.
    static func text(_ command: String) throws -> String { try String(contentsOf: file(command), encoding: .utf8) }

    private static func file(_ command: String) -> URL {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.appending(path: "Golden/6/cli/\(command).json")
    }

    /// Compares what a command printed, `apps list` say, with its file; `port` is one that differs from run to run.
    func check(_ command: String, _ run: Run, hiding port: Int? = nil) throws {
        _ = checked.withLock { $0.insert("apus \(command)") }
        #expect(run.code == 0, "apus \(command): \(run.errors)")
        let file = Self.file(command.replacing(" ", with: "-"))
        let printed = try stable(
            port.map { run.output.replacing("\"port\":\($0)", with: "\"port\":3000") } ?? run.output
        )
        if isRecordingGolden {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try printed.write(to: file, atomically: true, encoding: .utf8)
        } else if FileManager.default.fileExists(atPath: file.path) {
            let expected = try String(contentsOf: file, encoding: .utf8)
            #expect(printed == expected, "apus \(command) --json")
        } else {
            Issue.record("\(file.path) is missing: record it with APUS_RECORD_GOLDEN=1, read it and commit it")
        }
    }

    /// With what differs from run to run replaced: ids are numbered in the order in which they come.
    private func stable(_ output: String) throws -> String {
        var text = output.replacing(folder.path, with: "FOLDER")
        for key in Self.volatile {
            text = text.replacing(try Regex("\"\(key)\":[0-9]+"), with: "\"\(key)\":0")
        }
        // What was added later is looked at elsewhere.
        text = text.replacing(try Regex(#","history":\[[^\[\]]*\]"#), with: "")
        var known = [node.rawValue: node.rawValue]
        return text.replacing(try Regex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")) { match in
            let id = String(text[match.range])
            // The node's own is one of them.
            let number = String(known.count)
            let zeros = String(repeating: "0", count: 12 - number.count)
            let stable = known[id] ?? "00000000-0000-4000-8000-\(zeros)\(number)"
            known[id] = stable
            return stable
        }
    }
}
