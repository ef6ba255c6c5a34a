import ApusController
import ApusModel
import ApusTestKit
import Testing

/// What people should know of an executor that serves all the same.
@Suite(.timeLimit(.minutes(1))) struct WarningTests {
    @Test func `a warning shows on its executor, which takes work all the same, and goes when it is gone`() async throws
    {
        try await withController(store: MemoryStore()) { controller in
            var report = fullReport()
            report.warnings = ["the output of 3 containers cannot be written now: No space left on device"]
            _ = await controller.inbox.submit(report)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("work is placed there") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let executor = try #require(await controller.get("cluster/executors").json?["data"]?[0])
            #expect(executor["warnings"]?[0]?.text?.hasSuffix("No space left on device") == true)
            #expect((executor["state"], executor["troubles"]) == ("ACTIVE", nil))
            let id = try executor.string("executorId")
            let details = await controller.get("cluster/executors/\(id)").json?["data"]
            #expect(details?["warnings"] == executor["warnings"])
            report = fullReport(revision: 9)
            _ = await controller.inbox.submit(report)
            try await eventually("it is gone") {
                await controller.get("cluster/executors").json?["data"]?[0]?["warnings"] == nil
            }
        }
    }
}
