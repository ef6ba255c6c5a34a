import Foundation
import Testing

/// The page that says by what each claim is shown: that is there.
struct AnatomyTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What stands between backticks on the page.
    private static func quoted() throws -> [Substring] {
        let page = try String(contentsOf: root.appending(path: "docs/anatomy.md"), encoding: .utf8)
        let pieces = page.split(separator: "`", omittingEmptySubsequences: false)
        return pieces.indices.filter { $0 % 2 == 1 }.map { pieces[$0] }
    }

    @Test func `each test that the page names is there`() throws {
        let tests = Self.root.appending(path: "Tests").path
        var names: [Substring: [Substring]] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: tests) where path.hasSuffix(".swift") {
            // What stands behind a plus names a part of the suite.
            let suite = path.split(separator: "/").last?.prefix { $0.isLetter } ?? ""
            let text = try String(contentsOfFile: "\(tests)/\(path)", encoding: .utf8)
            for piece in text.components(separatedBy: "func") {
                let name = piece.drop(while: \.isWhitespace)
                if name.first == "`" { names[suite, default: []].append(name.dropFirst().prefix { $0 != "`" }) }
            }
        }
        let named = try Self.quoted().map { $0.split(separator: "/", maxSplits: 1) }.filter {
            $0.count == 2 && $0[0].hasSuffix("Tests")
        }
        #expect(named.count > 90)
        for test in named {
            #expect(names[test[0], default: []].contains { $0.hasPrefix(test[1]) }, "\(test[0])/\(test[1])")
        }
    }

    @Test func `each command that the page names is one`() async throws {
        let commands = try await CommandLineTests.commands().map(\.name)
        for quoted in try Self.quoted() where quoted.hasPrefix("apus ") {
            // A group of commands is one too; behind a command stands what it takes.
            #expect(
                commands.contains { "\($0) ".hasPrefix("\(quoted) ") || "\(quoted) ".hasPrefix("\($0) ") },
                "\(quoted)"
            )
        }
    }
}
