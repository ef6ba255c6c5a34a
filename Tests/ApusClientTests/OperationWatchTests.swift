import ApusClient
import ApusModel
import Testing

/// Whoever asked for an operation sees how that one ended, whatever others ask for meanwhile.
@Suite struct OperationWatchTests {
    /// An application with an operation under way and one that has ended, each `ID TYPE [OUTCOME]`.
    private static func application(now: String? = nil, last: String? = nil) async throws -> ApplicationSummary {
        var members = #""id":"A-1","name":"A","state":"RUNNING","requiredInstances":1,"healthyInstances":1,"#
        members += #""totalCPUs":1,"totalMemory":64,"created":1,"updated":2"#
        if let parts = now?.split(separator: " ") {
            members += #","operation":{"id":"\#(parts[0])","type":"\#(parts[1])","spentMs":5}"#
        }
        if let parts = last?.split(separator: " ") {
            members +=
                #","lastOperation":{"id":"\#(parts[0])","type":"\#(parts[1])","outcome":"\#(parts[2])","reason":"r"}"#
        }
        let server = try AnsweringServer(#"{"status":"SUCCESS","data":{"# + members + "}}")
        defer { server.stop() }
        return try await APIClient(endpoint: server.url).application(AppID("A-1"))
    }

    /// `ID TYPE OUTCOME` if it has ended.
    private static func ended(_ standing: OperationWatch.Standing) -> String? {
        if case .ended(let end) = standing { "\(end.id) \(end.type) \(end.outcome)" } else { nil }
    }

    @Test(arguments: ["SUCCEEDED", "FAILED", "ROLLED_BACK", "CANCELLED", "SUPERSEDED"])
    func `it is under way, and then it has ended`(_ outcome: String) async throws {
        var watch = OperationWatch(type: "SCALE", before: try await Self.application(last: "OP-1 SCALE FAILED"))
        #expect(
            watch.standing(in: try await Self.application(now: "OP-2 SCALE", last: "OP-1 SCALE FAILED")) == .underWay
        )
        let last = "OP-2 SCALE \(outcome)"
        #expect(Self.ended(watch.standing(in: try await Self.application(last: last))) == last)
    }

    @Test func `one that was found under way is followed, whatever ended before it`() async throws {
        let found = try await Self.application(now: "OP-2 SUSPEND", last: "OP-1 SUSPEND FAILED")
        var watch = OperationWatch(try #require(found.operation))
        #expect(watch.standing(in: found) == .underWay)
        let last = "OP-2 SUSPEND SUCCEEDED"
        #expect(Self.ended(watch.standing(in: try await Self.application(last: last))) == last)
    }

    @Test func `one that is superseded by another of its kind is not taken for that one`() async throws {
        var watch = OperationWatch(type: "SCALE", before: try await Self.application(now: "OP-1 SCALE"))
        let later = try await Self.application(now: "OP-3 SCALE", last: "OP-2 SCALE SUPERSEDED")
        #expect(Self.ended(watch.standing(in: later)) == "OP-2 SCALE SUPERSEDED")
    }

    @Test func `one that others have pushed out of sight is not called a success`() async throws {
        var watch = OperationWatch(type: "SCALE", before: try await Self.application())
        #expect(watch.standing(in: try await Self.application(now: "OP-1 SCALE")) == .underWay)
        #expect(
            watch.standing(in: try await Self.application(now: "OP-3 RECOVER", last: "OP-2 SCALE SUCCEEDED"))
                == .lostSight
        )
        var late = OperationWatch(type: "SUSPEND", before: nil)
        #expect(late.standing(in: try await Self.application(last: "OP-9 SCALE SUCCEEDED")) == .lostSight)
    }

    @Test func `a creation without instances has nothing to do`() async throws {
        var watch = OperationWatch(type: "CREATE", before: nil)
        #expect(watch.standing(in: try await Self.application()) == .none)
    }
}
