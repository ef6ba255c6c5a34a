import ApusController
import Foundation
import Testing

/// The corpus of hostile requests (`Tests/Hostile/hostile.txt`) is sent to a running cluster by the integration tests.
@Suite struct HostileCorpusTests {
    @Test func `every operation of the API is in the corpus of hostile requests`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Hostile/hostile.txt")
        let requests = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").compactMap(Self.request)
        for operation in API.operations {
            let words = operation.split(separator: " ")
            let pattern = words[1].split(separator: "/")
            #expect(
                requests.contains { $0.method == words[0] && Self.matches($0.target, pattern) },
                "no hostile request for \(operation): add some to Tests/Hostile/hostile.txt"
            )
        }
    }

    /// The method and target of a line for the controller; `nil` for any other.
    private static func request(_ line: Substring) -> (method: Substring, target: String)? {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count >= 3, words[0] == "api" || words[0] == "api*" else { return nil }
        return (words[1], words[2].replacingOccurrences(of: "⟨v1⟩", with: "/apis/v1"))
    }

    private static func matches(_ target: String, _ pattern: [Substring]) -> Bool {
        let path = target.prefix { $0 != "?" }.split(separator: "/")
        return path.count == pattern.count && zip(path, pattern).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
    }
}
