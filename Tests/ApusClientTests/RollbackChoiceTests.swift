import ApusClient
import ApusModel
import ApusTestKit
import Testing

/// To which version a rollback goes.
@Suite struct RollbackChoiceTests {
    /// Versions of WEB, the oldest first: version, expected count, when it was changed last, and `TYPE OUTCOME` of its
    /// last operation, which has an id as a third word if it is that of another version too.
    private static func versions(_ rows: (String, Int, Int, String)...) async throws -> [ApplicationSummary] {
        let members = rows.enumerated().map { index, row in
            let (version, expected, updated, last) = row
            let parts = last.split(separator: " ")
            let id = parts.count > 2 ? String(parts[2]) : "O\(index)"
            let operation =
                parts.isEmpty
                ? "" : #","lastOperation":{"id":"\#(id)","type":"\#(parts[0])","outcome":"\#(parts[1])","reason":""}"#
            return #""WEB-\#(version)":{"id":"WEB-\#(version)","name":"WEB","state":"RUNNING","#
                + #""requiredInstances":\#(expected),"healthyInstances":\#(expected),"totalCPUs":1,"totalMemory":1,"#
                + #""created":\#(index),"updated":\#(updated)\#(operation)}"#
        }
        let server = try AnsweringServer(#"{"status":"SUCCESS","data":{"# + members.joined(separator: ",") + "}}")
        defer { server.stop() }
        return try await APIClient(endpoint: server.url).applications()
    }

    /// `FROM to TO`, or why not.
    private static func choice(_ name: String, to: String? = nil, _ versions: [ApplicationSummary]) -> String {
        switch RollbackChoice(name, to: to.map { AppID($0) }, among: versions) {
        case .back(let from, let to): "\(from.id) to \(to.id)"
        case .refused(let reason): reason
        case .unknown: "unknown"
        }
    }

    @Test func `it goes to the version that was suspended last`() async throws {
        let versions = try await Self.versions(
            ("1", 0, 5, "CREATE SUCCEEDED"),
            ("2", 0, 9, "ROLLOUT SUCCEEDED"),
            ("3", 3, 9, "ROLLOUT SUCCEEDED")
        )
        #expect(Self.choice("WEB", versions) == "WEB-3 to WEB-2")
        #expect(Self.choice("WEB-3", versions) == "WEB-3 to WEB-2", "the running version names it too")
        #expect(Self.choice("WEB", to: "WEB-1", versions) == "WEB-3 to WEB-1")
        #expect(Self.choice("WEB", to: "WEB-9", versions).hasPrefix("WEB-9 is no earlier version of WEB"))
        #expect(Self.choice("WEB", to: "WEB-3", versions).hasPrefix("No other version of WEB runs"))
        #expect(Self.choice("NOPE", versions) == "unknown")
    }

    @Test func `a version that never came to run is not gone back to, unless it is named`() async throws {
        let versions = try await Self.versions(
            ("1", 0, 5, "CREATE SUCCEEDED"),
            ("2", 3, 6, "ROLLOUT SUCCEEDED"),
            ("3", 0, 9, "ROLLOUT ROLLED_BACK"),
            ("4", 0, 10, "")
        )
        #expect(Self.choice("WEB", versions) == "WEB-2 to WEB-1")
        #expect(Self.choice("WEB", to: "WEB-3", versions) == "WEB-2 to WEB-3")
    }

    @Test func `after a rollback that failed or was cancelled it goes to the same version again`() async throws {
        for outcome in ["FAILED", "ROLLED_BACK", "CANCELLED"] {
            for left in [0, 1] {
                let versions = try await Self.versions(
                    ("1", 0, 5, "CREATE SUCCEEDED"),
                    ("2", left, 9, "ROLLOUT \(outcome) SAME"),
                    ("3", 3, 9, "ROLLOUT \(outcome) SAME")
                )
                #expect(Self.choice("WEB", versions) == "WEB-3 to WEB-2", "\(outcome), \(left) instances")
            }
        }
        let forward = try await Self.versions(
            ("1", 0, 5, "CREATE SUCCEEDED"),
            ("2", 3, 9, "ROLLOUT ROLLED_BACK SAME"),
            ("3", 0, 9, "ROLLOUT ROLLED_BACK SAME")
        )
        #expect(Self.choice("WEB", forward) == "WEB-2 to WEB-1", "a rollout that failed is not gone on with")
        let apart = try await Self.versions(("1", 2, 5, ""), ("2", 3, 9, ""))
        #expect(Self.choice("WEB", apart).hasPrefix("WEB has no version to go back to"))
    }

    @Test func `without another version, or one that runs, it is refused`() async throws {
        let alone = try await Self.versions(("1", 3, 5, "CREATE SUCCEEDED"))
        #expect(Self.choice("WEB", alone).hasPrefix("WEB has no version to go back to"))
        let asleep = try await Self.versions(("1", 0, 5, "SUSPEND SUCCEEDED"))
        #expect(Self.choice("WEB", asleep).hasPrefix("No other version of WEB runs"))
    }
}
