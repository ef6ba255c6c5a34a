import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// `apus logs` against a controller and the executor that has the files.
@Suite(.timeLimit(.minutes(2))) struct LogCommandTests {
    private static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""
    private static let line = "2026-01-01T00:00:00.000000000Z out a line"

    /// A controller whose one healthy instance runs where `answer` speaks.
    private func withInstance(
        _ answer: @escaping @Sendable (String) -> String?,
        _ body: @escaping @Sendable (_ endpoint: String) async throws -> Void
    ) async throws {
        let server = try NodeServer(answer)
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            try await withServer(controller) { client in try await body(client.endpoint) }
        }
    }

    /// A file's answer to a read.
    private static func piece(_ data: String, from offset: Int, of length: Int) -> String {
        JSON.members([
            "data": .string(data), "offset": .integer(Int64(offset)), "file": "mark-1",
            "next": .integer(Int64(offset + data.utf8.count)), "length": .integer(Int64(length)),
        ]).serialized
    }

    @Test func `a file that goes while the others are looked through is left out`() async throws {
        try await withInstance { request in
            if request.contains("/list ") { return #"{"files":["output.log","output.log.3"]}"# }
            guard request.contains("/read/output.log?") else { return nil }
            let text = Self.line + "\n"
            return request.contains("length=0")
                ? Self.piece("", from: 0, of: text.utf8.count)
                : Self.piece(text, from: 0, of: text.utf8.count)
        } _: { endpoint in
            for id in ["TEST_APP-1", "TEST_APP"] {
                let run = try await Program(Self.binary, ["logs", id], endpoint: endpoint).end()
                #expect(run.code == 0, "\(run.errors)")
                #expect(run.output == Self.line + "\n")
            }
            let unknown = try await Program(Self.binary, ["logs", "TEST_AP"], endpoint: endpoint).end()
            #expect((unknown.code, unknown.output) == (1, ""))
            #expect(unknown.errors == "apus: App TEST_AP not found: did you mean TEST_APP?\n")
        }
    }

    @Test func `a newest file that is not there for a moment while it is followed is asked for again`() async throws {
        let reads = Count()
        try await withInstance { request in
            if request.contains("/list ") { return #"{"files":["output.log"]}"# }
            let text = Self.line + "\n"
            if request.contains("length=0") { return Self.piece("", from: 0, of: text.utf8.count) }
            let count = reads.next()
            if count == 1 { return Self.piece(text, from: 0, of: text.utf8.count) }
            if count == 2 { return nil }
            return Self.piece(text, from: text.utf8.count, of: 2 * text.utf8.count)
        } _: { endpoint in
            let text = "'\(Self.binary)' logs -f TEST_APP-1 | head -n 2"
            let run = try await Program("/bin/sh", ["-c", text], endpoint: endpoint).end()
            #expect(run.output == Self.line + "\n" + Self.line + "\n", "\(run.errors)")
        }
    }

    @Test func `a task that has no output is told why, and one that is named as an instance is told how`() async throws
    {
        // Time stands still: the executor, which reports once, is not given up however long this takes.
        try await withController(store: MemoryStore(), time: ManualTime().source) { controller in
            try await withServer(controller) { client in
                let create =
                    #"{"type":"CREATE","spec":{"sourceAppName":"web","taskId":"T1","executable":{"type":"DOCKER","#
                    + #""url":"job:1","dockerPullTimeout":"1m"},"resources":[{"type":"CPU","count":1},"#
                    + #"{"type":"MEMORY","sizeInMB":8}],"placementPolicy":{"type":"ONE_PER_HOST"}},"#
                    + #""opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}}"#
                _ = await controller.inbox.submit(fullReport())
                _ = await controller.post("tasks/operations", create.replacing("T1", with: "T0"))
                try await eventually("the first has the place") {
                    let first = await controller.get("tasks/web/instances/T0").json?["data"]
                    return first?["instanceId"]?.text?.isEmpty == false
                }
                #expect(await controller.post("tasks/operations", create).status == 200)
                let task = try await Program(Self.binary, ["logs", "--task", "web/T1"], endpoint: client.endpoint).end()
                #expect(task.code == 1)
                #expect(task.errors.contains("web/T1: PENDING"))
                #expect(task.errors.hasSuffix("There is no output: it has not run\n"))
                let mistaken = try await Program(Self.binary, ["logs", "web/T1"], endpoint: client.endpoint).end()
                #expect(mistaken.errors == "apus: web/T1 is a task. Its output: apus logs --task web/T1\n")
            }
        }
    }
}

private final class Count: Sendable {
    private let value = Atomic(0)

    /// 1, and one more with each call.
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
