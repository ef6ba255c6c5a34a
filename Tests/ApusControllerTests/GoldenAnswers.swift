import Foundation

/// Paths below `/apis/v1/`, and the file under `Tests/Golden/<version>/answers` that holds the whole answer to each.
enum GoldenAnswers {
    /// Of a cluster of services alone, as the first version answered.
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

    /// Of a cluster with tasks, an operation under way, and an executor in trouble.
    static let tasks: [(path: String, file: String)] = [
        ("tasks", "tasks"),
        ("tasks/BATCH/instances/WAITING", "task-waiting"),
        ("tasks/BATCH/instances/RUNNING", "task-running"),
        ("tasks/BATCH/instances/DONE", "task-done"),
        ("tasks/BATCH/instances/FAILED", "task-failed"),
        ("tasks/BATCH/instances/KILLED", "task-killed"),
        ("tasks/BATCH/instances/LOST", "task-lost"),
        ("tasks/BATCH/instances/NOWHERE", "task-unplaceable"),
        ("tasks/BATCH/instances/NOBODY", "task-unknown"),
        ("applications/TEST_APP-1", "application-replacing"),
        ("applications/TEST_APP-1/instances/old", "instances-old-causes"),
        ("cluster", "cluster-tasks"),
        ("cluster/executors", "executors-troubles"),
        ("cluster/executors/93b6b6f3-c7c8-3824-afc9-cb6d0b32454c", "executor-tasks"),
    ]

    static func text(_ file: String, version: Int = 2) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let golden = tests.appendingPathComponent("Golden/\(version)/answers/\(file).json")
        return try String(contentsOf: golden, encoding: .utf8).trimmingCharacters(in: .newlines)
    }
}
