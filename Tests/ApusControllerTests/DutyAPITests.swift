import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Executors excluded, suspended and retired over HTTP (contract §1.4, §5.6).
@Suite struct DutyAPITests {
    private func withExecutor(_ body: @escaping @Sendable (Controller) async throws -> Void) async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(fullReport(fence: Fence(epoch: 1, sequence: 0)))
            try await eventually("the executor is a member") {
                await controller.get("cluster").json?["data"]?["numExecutors"] == 1
            }
            try await body(controller)
        }
    }

    private func post(_ controller: Controller, _ path: String) async -> APIAnswer {
        await controller.post("cluster/executors/\(path)", "", type: nil)
    }

    private func first(_ controller: Controller) async -> JSON? {
        guard case .array(let all)? = await controller.get("cluster/executors").json?["data"] else { return nil }
        return all.first
    }

    @Test(arguments: ["blacklist?id=\(node)", "\(node)/blacklist"])
    func `blacklisting answers in Drove's shape at once, and shows in the executor's state`(_ path: String) async throws
    {
        try await withExecutor { controller in
            let answer = await post(controller, path)
            #expect(
                answer.json?.serialized
                    == #"{"status":"SUCCESS","data":{"successful":["\#(node)"],"failed":[],"approxCompletionTimeMs":0,"#
                    + #""message":"Blacklisting successful and app movement scheduled"},"message":"success"}"#
            )
            try await eventually("it is blacklisted") { await first(controller)?["state"] == "BLACKLISTED" }
            #expect(await controller.get("cluster").json?["data"]?["numExecutors"] == 0)
            let back = await post(controller, path.replacing("blacklist", with: "unblacklist"))
            #expect(back.json?["data"]?["message"] == "Unblacklisting successful for all executors")
            #expect(await first(controller)?["state"] == "ACTIVE")
        }
    }

    @Test func `unknown executors are in the list of those that failed, with a 200`() async throws {
        try await withExecutor { controller in
            let answer = await post(controller, "blacklist?id=nobody")
            #expect(answer.status == 200)
            #expect(answer.json?["data"]?["failed"] == ["nobody"])
            #expect(
                answer.json?["data"]?["message"]
                    == "Blacklisting messages could not be sent to any of the executors."
            )
            let partly = await post(controller, "unblacklist?id=nobody&id=\(node)")
            #expect(partly.json?["data"]?["successful"] == [node.json])
            #expect(
                partly.json?["data"]?["message"]
                    == "Unblacklisting successful for some executors. Check logs for details."
            )
        }
    }

    @Test(arguments: ["blacklist", "unblacklist", "suspend", "resume", "retire"])
    func `a request that names nobody is refused`(_ path: String) async throws {
        try await withExecutor { controller in
            for query in ["", "?id="] {
                let answer = await post(controller, path + query)
                #expect(answer.status == 400)
                #expect(answer.json?["data"]?["validationErrors"] == ["query param id must not be empty"])
            }
            let tag = await post(controller, "\(path)?tag=gpu")
            #expect(tag.json?["data"]?["validationErrors"] == ["No executor has the tag gpu"])
        }
    }

    @Test func `in maintenance blacklisting is refused with a 200`() async throws {
        try await withExecutor { controller in
            _ = await controller.post("cluster/maintenance/set", "", type: nil)
            let answer = await post(controller, "blacklist?id=\(node)")
            #expect(
                (answer.status, answer.json?.serialized)
                    == (200, #"{"status":"FAILED","message":"Cluster is in maintenance mode"}"#)
            )
        }
    }

    @Test func `a suspension shows as UNREADY with the true state beside it; a dry run changes nothing`() async throws {
        try await withExecutor { controller in
            let dry = await post(controller, "suspend?id=\(node)&mode=now&dryRun=true")
            #expect(dry.json?["data"] == ["executors": [node.json], "failingTasks": []])
            #expect(await first(controller)?["duty"] == nil)
            #expect(await post(controller, "suspend?id=\(node)&mode=later").status == 400)
            let answer = await post(controller, "suspend?tag=node1")
            #expect(answer.json?["data"] == ["executors": [node.json]])
            #expect(await first(controller)?["state"] == "UNREADY")
            #expect(await first(controller)?["duty"] == "SUSPENDED")
            let both = await post(controller, "blacklist?id=\(node)")
            #expect(both.json?["data"]?["reasons"] == [.string("Executor \(node) is suspended: resume it first")])
            _ = await post(controller, "resume?id=\(node)")
            #expect(await first(controller)?["state"] == "ACTIVE")
        }
    }

    @Test func `a retired executor is gone; one that is not known is named`() async throws {
        try await withExecutor { controller in
            let unknown = await post(controller, "retire?id=nobody&id=\(node)")
            #expect(unknown.json?["data"]?["validationErrors"] == ["Executor nobody is not known"])
            _ = await post(controller, "retire?id=\(node)")
            #expect(await controller.get("cluster/executors").json?["data"] == [])
            let report = await controller.inbox.submit(fullReport())
            guard case .answer(let answer) = report else {
                Issue.record("no answer")
                return
            }
            #expect(answer.verdict == .refused)
            #expect(answer.reason == "executor \(node) was retired: start it again to have it join as a new member")
        }
    }
}
