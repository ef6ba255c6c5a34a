import ApusClient
import ApusModel
import Foundation
import Testing

/// `drove tasks`.
extension ServiceTests.DroveClientTests {
    func useTasks(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let (short, long) = (TaskID(source: "JOBS", name: "SHORT"), TaskID(source: "JOBS", name: "LONG"))
        let shortSpec = try drove.file("short.json", shellTask(short, "echo done; exit 3"))
        let longSpec = try drove.file("long.json", shellTask(long, "while true; do echo tick; sleep 1; done"))
        for (name, spec) in [("LONG", longSpec), ("SHORT", shortSpec)] {
            try await drove.expect(
                "Source App Name: JOBS Task ID: \(name). Drove assigned task ID: JOBS-\(name)",
                from: "tasks create \(spec)"
            )
        }
        #expect(try await cluster.ended(short).result == "FAILED 3")
        try await showEnded(cluster, drove)
        try await drove.expect("  - Task already exists for JOBS/SHORT", from: "tasks create \(shortSpec)")

        try await cluster.eventually("the other runs") {
            try check(try await cluster.task(long).string("state") == "RUNNING", "not yet")
        }
        let instance = try await cluster.task(long).string("instanceId")
        let row = try await drove.row(instance, of: "tasks list --app JOBS --sort 2 --reverse")
        #expect(Array(row[1...3]) == ["JOBS", "LONG", "RUNNING"] && Array(row[5...6]) == ["1", "16"], "\(row)")
        #expect(try await !drove.run("tasks list").contains("SHORT"))
        let tail = try await drove.follow("tasks tail JOBS LONG --log output.log") { process in
            try await cluster.eventually("it prints a line") { try check(process.said.contains("\n"), "not yet") }
        }
        #expect(tail.contains(" out tick\n"))
        try await drove.expect("Task kill issued", from: "tasks kill JOBS LONG")
        #expect(try await cluster.ended(long).result == "CANCELLED -1")
    }

    private func showEnded(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let shown = try await drove.run("tasks show JOBS SHORT")
        #expect(shown.contains("FAILED (Task exit code: 3)"))
        // It takes the mode of logging from `logging`, and Drove's API calls that `loggingSpec`.
        #expect(shown.split(separator: "\n").contains { $0.hasPrefix("Logging Mode") && $0.hasSuffix(" ") }, "\(shown)")
        try await drove.expect("['output.log']", from: "tasks logs JOBS SHORT")
        let copy = "\(drove.folder)/task.log"
        try await cluster.eventually("its log is whole") {
            try await drove.expect("Downloaded size:", from: "tasks download JOBS SHORT output.log --out \(copy)")
            let log = try String(contentsOfFile: copy, encoding: .utf8)
            try check(log.hasSuffix(" out done\n"), log)
        }
    }
}
