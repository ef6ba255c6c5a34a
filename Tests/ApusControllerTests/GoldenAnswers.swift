import Foundation

/// Paths below `/apis/v1/`, and the file under `Tests/Golden/2/answers` that holds the whole answer to each.
enum GoldenAnswers {
    static let all: [(path: String, file: String)] = [
        ("ping", "ping"),
        ("applications", "applications"),
        ("applications?from=1&size=1", "applications-page"),
        ("applications/TEST_APP-1", "application"),
        ("applications/TEST_APP-1/spec", "spec"),
        ("applications/TEST_APP-1/instances", "instances"),
        ("applications/TEST_APP-1/instances?state=healthy", "instances-healthy"),
        ("applications/TEST_APP-1/instances/AI-00000000-0000-4000-8000-000000000000", "instance"),
        ("applications/TEST_APP-1/instances/old", "instances-old"),
        ("cluster", "cluster"),
        ("cluster/executors", "executors"),
        ("cluster/executors/93b6b6f3-c7c8-3824-afc9-cb6d0b32454c", "executor"),
        ("endpoints", "endpoints"),
        ("endpoints?app=IDLE", "endpoints-of-none"),
        ("endpoints/app/TEST_APP", "endpoints-of-one"),
    ]

    static func text(_ file: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let golden = tests.appendingPathComponent("Golden/2/answers/\(file).json")
        return try String(contentsOf: golden, encoding: .utf8).trimmingCharacters(in: .newlines)
    }
}
