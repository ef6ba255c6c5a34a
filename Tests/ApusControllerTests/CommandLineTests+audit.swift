import ApusClient
import ApusController
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

/// The audit log shown and followed by `apus audit`.
extension CommandLineTests {
    @Test func `who did what is shown as a table, as the API's data, and followed`() async throws {
        try await Self.withNode { controller, node, endpoint in
            func run(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, ["audit"] + arguments, endpoint: endpoint).end()
            }
            for path in ["cluster/maintenance/set", "cluster/maintenance/unset"] {
                let call = APICall("POST", "/apis/v1/\(path)", source: "10.1.2.3")
                #expect(await controller.api.answer(call).status == 200)
            }
            let shown = try await run("--actor", "default-user", "--since", "1h")
            #expect(shown.code == 0, "\(shown.errors)")
            // The time is not known: it is cut off, and its column is as wide as it.
            let lines = shown.output.split(separator: "\n").map { String($0.dropFirst(22)) }
            #expect(
                lines == [
                    "WHO           FROM      ACTION             SUBJECT  OUTCOME   CAUSE",
                    "default-user  10.1.2.3  MAINTENANCE_SET    c1       ACCEPTED  -",
                    "default-user  10.1.2.3  MAINTENANCE_UNSET  c1       ACCEPTED  -",
                ]
            )
            let json = try await run("--actor", "default-user", "--size", "1", "--json")
            let data = try JSON(parsing: json.output)
            #expect(try data.array("records").map { $0["action"] } == ["MAINTENANCE_UNSET"])
            #expect(data["next"] != nil)
            #expect(try await run("--actor", "nobody").output == "nothing of that kind is in the audit log\n")
            for (arguments, reason) in [
                (["--size", "0"], "--size must be 1 to 100000"), (["--since", "soon"], "soon"),
            ] {
                let wrong = try await Program(Self.binary, ["audit"] + arguments, endpoint: endpoint).end()
                #expect(wrong.code == 64)
                #expect(wrong.errors.contains(reason), "\(wrong.errors)")
            }

            let text = "'\(Self.binary)' audit -f --action MAINTENANCE_UNSET | head -n 2"
            let followed = try Program("/bin/sh", ["-c", text], endpoint: endpoint)
            // It notices at a later line that its reader has gone.
            try await eventually("it ends with its reader") {
                _ = await controller.post("cluster/maintenance/unset", "", type: nil)
                return !followed.isRunning
            }
            let end = try await followed.end()
            let told = end.output.split(separator: "\n")
            #expect(told.count == 2 && told.allSatisfy { $0.contains("  MAINTENANCE_UNSET  c1  ACCEPTED") }, "\(end)")
        }
    }

    @Test func `whoever follows is shown what comes late, in the order of arrival and once`() async throws {
        let audit = try await AuditStore.inMemory()
        func record(_ action: String, in epoch: Epoch) throws -> AuditRecord {
            let body: JSON = [
                "time": 1, "epoch": .integer(epoch), "actor": ["kind": "USER", "name": "ann"],
                "action": .string(action), "subject": ["kind": "CLUSTER", "id": "c1"], "outcome": "ACCEPTED",
            ]
            return try AuditRecord(json: ["sequence": .integer(epoch << 32 + 1), "ids": ["c1"], "body": body])
        }
        try await audit.keep([record("FIRST", in: 8)])
        let late = try record("LATE", in: 7)
        try await withController(store: MemoryStore(), audit: audit) { controller in
            try await withServer(controller) { client in
                let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(at: folder) }
                let file = folder.appending(path: "told")
                try Data().write(to: file)
                let text = "exec '\(Self.binary)' audit -f --subject c1 > '\(file.path)'"
                let followed = try Program("/bin/sh", ["-c", text], endpoint: client.endpoint)
                func told(_ action: String) throws -> Int {
                    try String(contentsOf: file, encoding: .utf8).split(separator: "\n").count { $0.contains(action) }
                }
                try await eventually("it shows what there is") { try told("FIRST") == 1 }
                try await audit.keep([late])
                try await eventually("it shows what came late") { try told("LATE") == 1 }
                _ = await controller.post("cluster/maintenance/set", "", type: nil)
                try await eventually("it goes on") { try told("MAINTENANCE_SET") == 1 }
                followed.interrupt()
                _ = try await followed.end()
                #expect(try told("LATE") == 1 && told("FIRST") == 1)
            }
        }
    }

    @Test func `how long the audit log is kept is checked before a controller starts`() async throws {
        let cases: [([String], String)] = [
            (["--audit-age", "soon"], "--audit-age: "),
            (["--audit-age", "59m"], "--audit-age must be at least 1 hour"),
            (["--audit-records", "999"], "--audit-records must be 1000 to 100000000"),
        ]
        for command in ["dev", "controller"] {
            for (arguments, reason) in cases {
                let run = try await Program(Self.binary, [command] + arguments).end()
                #expect(run.code == 64, "\(command) \(arguments)")
                #expect(run.errors.contains(reason), "\(command) \(arguments): \(run.errors)")
            }
        }
    }
}
